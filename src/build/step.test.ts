import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { systemClock } from "../base/clock.ts";
import { processOf } from "../base/process.ts";
import { runStep, type StepOptions } from "./step.ts";
import { systemPath } from "./test_builder.ts";

test("a step has the environment it is given and no more, and tells its lines", async () => {
  const lines: string[] = [];
  const onLine: StepOptions["onLine"] = (line, from) => lines.push(`${from} ${line}`);
  await run("/usr/bin/env; echo oops >&2", { onLine, env: { A: "1" } });
  const shells = /^stdout (PWD|SHLVL|OLDPWD|_)=/;
  assert.deepEqual(lines.filter((line) => !shells.test(line)).toSorted(), [
    "stderr oops",
    "stdout A=1",
  ]);
});

test("what a step leaves running in its group ends with it", async () => {
  const lines: string[] = [];
  await run("sleep 1000 >&- 2>&- & echo $!", { onLine: (line) => lines.push(line) });
  await gone(Number(lines[0]));
});

test("an abort ends a step and its children, with the reason of the signal", async () => {
  const aborting = new AbortController();
  const lines: string[] = [];
  const onLine = (line: string) => {
    lines.push(line);
    aborting.abort(new Error("enough"));
  };
  const step = run("sleep 1000 & echo $!; wait", { onLine, signal: aborting.signal });
  await assert.rejects(step, { message: "enough" });
  await gone(Number(lines[0]));
});

test("how a step failed is told, with its last lines, each of bounded length", async () => {
  const script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $i; done; exit 7";
  await assert.rejects(run(script), {
    what: "failed with exit code 7",
    tail: ["3", "4", "5", "6", "7", "8", "9", "10", "11", "12"],
  });
  await assert.rejects(run("kill -9 $$"), { what: "was ended by SIGKILL", tail: [] });
  const long = run("printf %01000d 0; exit 1");
  await assert.rejects(long, ({ tail }: { tail: string[] }) => tail[0]?.length === 400);
  await assert.rejects(run("exit 0", { command: ["no-such-tool"] }), {
    what: `could not be started: "no-such-tool" is not on this server's path of tools`,
  });
});

async function run(script: string, options: Partial<StepOptions> = {}): Promise<void> {
  await runStep({
    command: ["/bin/sh", "-c", script],
    cwd: tmpdir(),
    env: { PATH: systemPath() },
    clock: systemClock,
    signal: new AbortController().signal,
    onLine: () => {},
    onStart: () => {},
    ...options,
  });
}

async function gone(pid: number): Promise<void> {
  assert(pid > 0);
  const deadline = systemClock.elapsed() + 10_000;
  while (processOf(pid) !== undefined) {
    assert(systemClock.elapsed() < deadline, `process ${pid} still runs`);
    await systemClock.sleep(10);
  }
}
