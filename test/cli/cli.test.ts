import { after, before, describe, test } from "node:test";
import { VarveProcess } from "../support/varve_process.ts";
import { BACKUP_STORIES } from "./backup_stories.ts";
import { DEPLOY_STORIES } from "./deploy_stories.ts";
import { OBJECT_STORIES } from "./object_stories.ts";
import { Place } from "./place.ts";
import { PROCESS_STORIES } from "./process_stories.ts";
import { SCALING_STORIES } from "./scaling_stories.ts";
import { TRAFFIC_STORIES } from "./traffic_stories.ts";

const STORIES = [
  ...[...DEPLOY_STORIES, ...TRAFFIC_STORIES, ...OBJECT_STORIES, ...PROCESS_STORIES],
  ...BACKUP_STORIES,
  ...SCALING_STORIES,
];

let varve: VarveProcess;
before(async () => {
  varve = await VarveProcess.start();
});
after(() => varve[Symbol.asyncDispose]());

// One server for all, which has to cope with several users anyway.
describe("varve", { concurrency: 3 }, () => {
  for (const [at, { title, act }] of STORIES.entries()) {
    test(title, async () => {
      await using place = await Place.make(varve, `story-${at + 1}`);
      await act(place);
    });
  }
});
