import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { seededChance } from "../../base/chance.ts";
import { Ports } from "./ports.ts";

test("two servers that choose at once never get the same port", async () => {
  const [one, two] = [new Ports(seededChance(1)), new Ports(seededChance(1))];
  const taking = Array.from({ length: 100 }, (_, n) => (n % 2 === 0 ? one : two).take());
  const taken = await Promise.all(taking);
  assert.equal(new Set(taken.map(({ number }) => number)).size, 100);
  assert(taken.every(({ number }) => number >= 20_000 && number < 32_000));
  for (const port of taken) port[Symbol.dispose]();
});

test("a port on which something listens is passed over", async () => {
  const [one, two] = [new Ports(seededChance(2)), new Ports(seededChance(2))];
  using first = await one.take();
  first.settle();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(first.number, "127.0.0.1", resolve));
  using second = await two.take();
  assert.notEqual(second.number, first.number);
  server.close();
});

test("a port whose instance does not listen yet is passed over by other servers", async () => {
  const [one, two] = [new Ports(seededChance(4)), new Ports(seededChance(4))];
  using first = await one.take();
  using second = await two.take();
  assert.notEqual(second.number, first.number);
});

test("a port given back is not the next to be given out", async () => {
  const ports = new Ports(seededChance(3));
  const first = await ports.take();
  first[Symbol.dispose]();
  using second = await ports.take();
  assert.notEqual(second.number, first.number);
});
