import assert from "node:assert/strict";
import { test } from "node:test";
import { EVENT, type Event } from "../api/event.ts";
import { REVISION } from "../api/revision.ts";
import { stored } from "../api/test_admission.ts";
import { timestampOf } from "../base/clock.ts";
import { staleEvents } from "./housekeeping.ts";
import { imagesOf } from "./kept_images.ts";

const NOW_MS = Date.parse("2026-01-01T12:00:00Z");

test("Events go after an hour without news, and the oldest of more than ten thousand", () => {
  const one = stored(EVENT, { metadata: { name: "a" }, involvedObject: {} });
  const ago = (seconds: number): Event => {
    return { ...one, lastTimestamp: timestampOf(NOW_MS - seconds * 1000) };
  };
  const again = { ...ago(4000), series: { lastObservedTime: timestampOf(NOW_MS - 10_000) } };
  const old = ago(3601);
  assert.deepEqual(staleEvents([old, ago(3599), again], NOW_MS), [old]);
  const many = Array.from({ length: 10_002 }, (_, at) => ago(at % 3000));
  assert.equal(staleEvents(many, NOW_MS).length, 2);
  assert(staleEvents(many, NOW_MS).every((it) => it.lastTimestamp === ago(2999).lastTimestamp));
});

test("the images that are kept are those of Revisions, whatever they are called", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const containerStatuses = [{ name: "it", imageDigest: `host:5000/app@${digest}` }];
  const none = stored(REVISION, {
    metadata: { name: "a" },
    spec: { containers: [{ image: "a" }] },
  });
  const revision = { ...none, status: { conditions: [], containerStatuses } };
  assert.deepEqual([...imagesOf([revision, none])], [digest]);
});
