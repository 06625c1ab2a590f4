/**
 * `npm test`: all tests but the long ones; with `--beside` those beside the code and the law of the
 * house alone, with `--long` the long ones: people's stories with the command line, kubectl and the
 * README, each with a server of its own, what builds with npm, and what goes on at random.
 * `npm test -- FILE…` runs the files named. Those that leave their process as it was share one,
 * which saves the start of a hundred; the others have one each.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  options: {
    beside: { type: "boolean", default: false },
    long: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const whole = values.beside ? ["test/tidy.test.ts"] : ["test/**/*.test.ts"];
const LONG = [
  ...[
    "test/cli/cli.test.ts",
    "test/cli/rollout.test.ts",
    "test/server/kubectl.test.ts",
    "test/docs/readme.test.ts",
    "test/whole/failures.test.ts",
  ],
  // They keep all processors busy.
  ...["test/whole/busy.test.ts", "src/runtime/process/balance.test.ts"],
  ...["test/store/linear/run.test.ts", "test/store/crash.test.ts", "test/store/power_cut.test.ts"],
  ...["test/store/random.test.ts", "test/server/fuzz.test.ts", "src/trial/trial.test.ts"],
  ...["src/gateway/h2/frames.test.ts", "src/gateway/h2/differ.test.ts"],
  ...["src/build/node_app.test.ts", "src/platform/images_kept.test.ts"],
];
const usual = values.long ? LONG : ["src/**/*.test.ts", ...whole];
const wanted = positionals.length > 0 ? positionals : usual;
const isMeant = (file: string) => wanted !== usual || values.long || !LONG.includes(file);
const files = globSync(wanted).filter(isMeant).toSorted();

/** Hooks of a file would be those of all, and what is told of a process is of one file alone. */
const ALONE = [
  /(\b(before|after)(Each)?|OfSuite)\(|child_process|\/proc\//,
  /\bprocess\.(env|exit|kill|chdir|umask|on)/,
];
const ALONE_IN = [
  ...["src/runtime/process/", "src/store/", "test/store/"],
  // It looks at the heap of its process.
  "src/platform/start_garbage",
];
function isAlone(file: string): boolean {
  if (ALONE_IN.some((folder) => file.startsWith(folder))) return true;
  const text = readFileSync(file, "utf8");
  return ALONE.some((sign) => sign.test(text));
}

const env = {
  NODE_COMPILE_CACHE: join("node_modules", ".cache", "node"),
  ...process.env,
  // Clients that tests start ask this machine, whatever the way to others is.
  ...{ NO_PROXY: "*", no_proxy: "*", no_grpc_proxy: "127.0.0.1" },
};
const together = start(
  ["--test-isolation=none"],
  files.filter((file) => !isAlone(file)),
);
const apart = start(["--test-concurrency=3"], files.filter(isAlone), process.stdout);
const ends = [await apart, await together];
process.stdout.write(ends[1]?.said ?? "");
if (files.length === 0) process.stderr.write(`there is no test like ${wanted.join(" ")}\n`);
// Once more, where nobody has to look for them.
process.stdout.write(ends.map(failuresIn).join(""));
process.exitCode = files.length > 0 && ends.every(({ code }) => code === 0) ? 0 : 1;

interface End {
  readonly code: number | string | null;
  readonly said: string;
}

/** Runs some of the files, and shows at once what they say where there is a place for it. */
async function start(flags: readonly string[], some: readonly string[], shown?: Writable) {
  if (some.length === 0) return { code: 0, said: "" };
  const args = ["--test", "--test-reporter=spec", ...flags, ...some];
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    shown?.write(chunk);
  });
  const [code, signal] = await once(child, "close");
  return { code: code ?? signal, said: Buffer.concat(chunks).toString() } satisfies End;
}

function failuresIn({ code, said }: End): string {
  if (code === 0) return "";
  const at = said.indexOf("\u2716 failing tests:");
  return at === -1 ? `\nno test failed, and yet it ended with ${code}\n` : `\n${said.slice(at)}`;
}
