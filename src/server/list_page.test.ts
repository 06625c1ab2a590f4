import assert from "node:assert/strict";
import { test } from "node:test";
import { type Desk, makeDesk } from "../../test/world/desk.ts";
import { CONFIG_MAP } from "../api/config_map.ts";
import { ApiError } from "../api/error.ts";
import { seededChance } from "../base/chance.ts";
import { listPage, readPaging } from "./list_page.ts";

function page(desk: Desk, query: string) {
  const { store } = desk;
  const selection = { kind: CONFIG_MAP, namespace: "default" };
  const paging = readPaging(new URLSearchParams(query), store);
  const { items, ...rest } = listPage(store, selection, paging);
  return { names: items.map(({ metadata }) => metadata.name), ...rest };
}

function refusal(desk: Desk, query: string): string {
  try {
    page(desk, query);
  } catch (thrown) {
    assert.ok(thrown instanceof ApiError, String(thrown));
    return `${thrown.status.code} ${thrown.message}`;
  }
  return "it was taken";
}

test("all pages of a list show one moment, whatever is written meanwhile", async () => {
  const desk = await makeDesk();
  for (const name of ["a", "b", "c", "d"]) await desk.add({ name });
  const first = page(desk, "limit=2");
  assert.deepEqual([first.names, first.remainingItemCount], [["a", "b"], 2]);
  const found = desk.find(CONFIG_MAP, { namespace: "default", name: "c" });
  assert.ok(found);
  await desk.client.delete(found);
  await desk.add({ name: "bb" });
  const second = page(desk, `limit=2&continue=${first.continue}`);
  assert.deepEqual(second, { names: ["c", "d"], resourceVersion: first.resourceVersion });
  assert.deepEqual(page(desk, "").names, ["a", "b", "bb", "d"]);
});

test("Exact shows a moment that was, and NotOlderThan what is now", async () => {
  const desk = await makeDesk();
  const { metadata } = await desk.add({ name: "a" });
  await desk.add({ name: "b" });
  const at = `resourceVersion=${metadata.resourceVersion}`;
  assert.deepEqual(page(desk, `${at}&resourceVersionMatch=Exact`).names, ["a"]);
  assert.deepEqual(page(desk, `${at}&resourceVersionMatch=NotOlderThan`).names, ["a", "b"]);
  assert.deepEqual(page(desk, "resourceVersion=0").names, ["a", "b"]);
});

const REFUSED = [
  { query: "resourceVersion=999", says: "504 Too large resource version: 999, current: 1" },
  { query: "resourceVersionMatch=Exact", says: "400 resourceVersionMatch is forbidden unless" },
  {
    query: "resourceVersion=0&resourceVersionMatch=Exact",
    says: '400 resourceVersionMatch "Exact"',
  },
  { query: "continue=x", says: "400 continue key is not valid" },
  { query: "continue=e30", says: "400 continue key is not valid" },
  { query: "limit=-1", says: "400 limit: must be a whole number" },
];

for (const { query, says } of REFUSED) {
  test(`a list cannot be asked for with ${query}`, async () => {
    const desk = await makeDesk();
    assert.equal(refusal(desk, query).slice(0, says.length), says);
  });
}

test("a list of any moment is what a reader had seen then", async () => {
  const seed = Number(process.env["SEED"] ?? 20260101);
  const chance = seededChance(seed);
  const desk = await makeDesk();
  const seen = new Map<string, readonly string[]>();
  for (let round = 0; round < 60; round += 1) {
    const name = `n${Math.floor(chance.fraction() * 8)}`;
    const found = desk.find(CONFIG_MAP, { namespace: "default", name });
    if (found === undefined) await desk.add({ name });
    else await desk.client.delete(found);
    const { names, resourceVersion } = page(desk, "");
    seen.set(resourceVersion, names);
  }
  for (const [version, names] of seen) {
    const then = page(desk, `resourceVersion=${version}&resourceVersionMatch=Exact`);
    assert.deepEqual(then.names, names, `seed ${seed}, version ${version}`);
  }
});
