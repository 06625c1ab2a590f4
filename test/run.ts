/**
 * `npm test`: all tests, or with `--beside` those beside the code and the law of the house alone.
 * `npm test -- FILE…` runs the files named. Rooms that only compute share one process, which saves
 * the start of a hundred; what starts processes, listens or writes files has one for each file.
 */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { PURE } from "./laws.ts";

const { values, positionals } = parseArgs({
  options: { beside: { type: "boolean", default: false } },
  allowPositionals: true,
});
const whole = values.beside ? ["test/tidy.test.ts"] : ["test/**/*.test.ts"];
const wanted = positionals.length > 0 ? positionals : ["src/**/*.test.ts", ...whole];
const files = globSync(wanted).toSorted();
const isPure = (file: string) => PURE.some((room) => file.startsWith(room));

const env = { NODE_COMPILE_CACHE: join("node_modules", ".cache", "node"), ...process.env };
const together = start(["--test-isolation=none"], files.filter(isPure), "pipe");
const apart = start(
  ["--test-concurrency=2"],
  files.filter((file) => !isPure(file)),
  "inherit",
);
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
