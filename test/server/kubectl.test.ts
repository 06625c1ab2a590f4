import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { VarveProcess } from "../support/varve_process.ts";
import { Kubectl, whyNoKubectl } from "./kubectl.ts";
import { OBJECT_STORIES } from "./object_stories.ts";
import { READING_STORIES } from "./reading_stories.ts";
import { ROLLOUT_STORIES } from "./rollout_stories.ts";

const STORIES = [...OBJECT_STORIES, ...READING_STORIES, ...ROLLOUT_STORIES];
const why = whyNoKubectl();
if (why !== undefined) process.stdout.write(`The stories of kubectl are skipped: ${why}\n`);

let varve: VarveProcess;
let cache: string;
before(async () => {
  if (why !== undefined) return;
  cache = await mkdtemp(join(tmpdir(), "varve-kubectl-cache-"));
  varve = await VarveProcess.start();
});
after(async () => {
  if (why !== undefined) return;
  const log = await varve.log();
  await varve[Symbol.asyncDispose]();
  await rm(cache, { recursive: true, force: true });
  assert.doesNotMatch(log, /a request failed/);
});

// One server for all, which has to cope with several users anyway.
describe("kubectl", { concurrency: 3, skip: why ?? false }, () => {
  for (const [at, { title, act }] of STORIES.entries()) {
    test(title, async () => {
      await using kubectl = await Kubectl.make(varve, `kubectl-${at + 1}`, cache);
      await act(kubectl);
    });
  }
});
