/**
 * `npm test`: all tests but the long ones; with `--beside` those beside the code and the law of the
 * house alone, with `--long` the long ones: people's stories with the command line, kubectl and the
 * README, each with a server of its own, and what builds with npm.
 * `npm test -- FILE…` runs the files named. Those that leave their process as it was share one,
 * which saves the start of a hundred; the others have one each.
 */
import { spawn } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
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
  ...["test/store/linear/run.test.ts", "test/store/crash.test.ts"],
  ...["src/build/node_app.test.ts", "src/platform/images_kept.test.ts"],
];
const usual = values.long ? LONG : ["src/**/*.test.ts", ...whole];
const wanted = positionals.length > 0 ? positionals : usual;
const isMeant = (file: string) => wanted !== usual || values.long || !LONG.includes(file);
const files = globSync(wanted).filter(isMeant).toSorted();

/** Hooks of a file would be those of all, and what is told of a process is of one file alone. */
const ALONE =
  /(\b(before|after)(Each)?|OfSuite)\(|child_process|process\.(env|exit|kill|chdir|on)|\/proc\//;
const ALONE_IN = [
  ...["src/runtime/process/", "src/store/", "test/store/"],
  // It looks at the heap of its process.
  "src/platform/start_garbage",
];
const isAlone = (file: string) =>
  ALONE_IN.some((folder) => file.startsWith(folder)) || ALONE.test(readFileSync(file, "utf8"));

const env = { NODE_COMPILE_CACHE: join("node_modules", ".cache", "node"), ...process.env };
const together = start(
  ["--test-isolation=none"],
  files.filter((file) => !isAlone(file)),
  "pipe",
);
const apart = start(["--test-concurrency=3"], files.filter(isAlone), "inherit");
const codes = await Promise.all([apart, together]);
if (files.length === 0) process.stderr.write(`there is no test like ${wanted.join(" ")}\n`);
process.exitCode = files.length > 0 && codes.every((code) => code === 0) ? 0 : 1;

/** Runs some of the files. What is piped is shown when the others have ended. */
async function start(flags: readonly string[], some: readonly string[], out: "pipe" | "inherit") {
  if (some.length === 0) return 0;
  const args = ["--test", "--test-reporter=spec", ...flags, ...some];
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", out, "inherit"] });
  const exit = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const said = child.stdout === null ? undefined : await text(child.stdout);
  if (said !== undefined) {
    await apart;
    process.stdout.write(said);
  }
  return await exit;
}
