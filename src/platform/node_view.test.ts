import assert from "node:assert/strict";
import { test } from "node:test";
import { makeDesk } from "../../test/world/desk.ts";
import { cellOf } from "../api/column.ts";
import { NODE, THIS_NODE } from "../api/node.ts";
import { silentLog } from "../base/log.ts";
import { loadOf, thisMachine } from "../base/machine.ts";
import { conditionsOf, NodeView } from "./node_view.ts";

const GIB = 2 ** 30;
const WELL = { memoryAvailableBytes: GIB, diskBytes: GIB, diskAvailableBytes: GIB };
const FULL = { memoryAvailableBytes: 0, diskBytes: GIB, diskAvailableBytes: 0 };

test("a machine that runs short of something says of what, and since when", () => {
  const tasks = { tasks: 95, tasksMax: 100 };
  const before = conditionsOf(WELL, [], "2026-01-01T00:00:00Z");
  const after = conditionsOf({ ...FULL, ...tasks }, before, "2026-01-01T00:05:00Z");
  const said = [before, after].map((list) => list.map(({ status }) => status).join(" "));
  assert.deepEqual(said, ["False False False True", "True True True True"]);
  const since = after.map(({ lastTransitionTime }) => lastTransitionTime?.slice(14, 16));
  assert.deepEqual(since, ["05", "05", "05", "00"]);
});

test("this machine is a Node with its real figures, and is not written without news", async () => {
  const { memoryBytes, cores, kernel } = thisMachine();
  const desk = await makeDesk();
  const deps = { ...desk, log: silentLog, home: ".", runtime: "process", version: "0.1.0" };
  await using view = new NodeView(deps);
  await view.start();
  const node = desk.store.get(NODE, { name: THIS_NODE });
  assert(node !== undefined);
  const { capacity } = node.status ?? {};
  const { diskBytes } = loadOf(".");
  assert.deepEqual(capacity, {
    cpu: String(cores),
    memory: `${Math.floor(memoryBytes / 1024)}Ki`,
    "ephemeral-storage": `${Math.floor(diskBytes / 1024)}Ki`,
  });
  const cells = NODE.columns.map((column) => cellOf(column, node, desk.clock.now()));
  assert.deepEqual(cells.slice(0, 5), [
    ...["local", "Ready", "control-plane", "0s", "v1.32.0+varve-0.1.0"],
  ]);
  assert.equal(cells[8], kernel);
  const { revision } = desk.store;
  desk.clock.pass(60);
  await turn();
  assert.equal(desk.store.revision, revision);
  desk.clock.pass(300);
  await turn();
  assert.equal(desk.store.revision, revision + 1);
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
