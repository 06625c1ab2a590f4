import { after, before, describe, test } from "node:test";
import { VarveProcess } from "../support/varve_process.ts";
import { Place } from "./place.ts";
import { RESTART_STORY, ROLLOUT_STORIES } from "./rollout_stories.ts";
import { VERIFY_STORIES } from "./verify_stories.ts";

let varve: VarveProcess;
before(async () => {
  varve = await VarveProcess.start();
});
after(() => varve[Symbol.asyncDispose]());

// One after the other: what is compared here is how fast answers come.
describe("varve rollout", () => {
  for (const [at, { title, act }] of [...ROLLOUT_STORIES, ...VERIFY_STORIES].entries()) {
    test(title, { timeout: 300_000 }, async () => {
      await using place = await Place.make(varve, `rollout-${at + 1}`);
      await act(place);
    });
  }
});

test(RESTART_STORY.title, { timeout: 300_000 }, async () => {
  await using own = await VarveProcess.start();
  await using place = await Place.make(own, "restart");
  await RESTART_STORY.act(place);
});
