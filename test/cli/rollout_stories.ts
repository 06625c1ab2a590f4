import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { REVISION, type Revision } from "../../src/api/revision.ts";
import { ROUTE } from "../../src/api/route.ts";
import { SERVICE, type Service } from "../../src/api/service.ts";
import type { Place, Story } from "./place.ts";

interface Told {
  readonly state: string;
  readonly reason: string;
  readonly message: string;
  readonly revision: string;
  readonly step: number | null;
  readonly shares: readonly { readonly revision: string; readonly percent: number }[];
  readonly trial: { readonly requests: { readonly new: number; readonly old: number } } | null;
}

const STEPS = "varve.dev/rollout-steps";
const GATE = "varve.dev/rollout-gate";

export const ROLLOUT_STORIES: readonly Story[] = [
  {
    title: "a good revision is rolled out by steps while people use it, and all get an answer",
    async act(place) {
      await deployed(place, { [STEPS]: "10%,50%", [GATE]: "errors=5%,readiness" });
      await using crowd = new Crowd(place);
      await place.app("shop", "two");
      await place.done("deploy shop");
      const { out } = await place.done("rollout status shop --watch");
      assert.match(out, /Waiting shop-00002, step 1 of 2: .*not enough traffic/);
      assert.match(out, /\nComplete shop-00002: .*requests go to shop-00002\n$/);
      await crowd.stop();
      assert.deepEqual([crowd.failed, crowd.broken], [0, 0]);
      assert.deepEqual(await stand(place), ["Complete", "shop-00002 100"]);
    },
  },
  {
    title: "a revision that fails is sent back, with both figures, and few are hurt",
    async act(place) {
      await deployed(place, { [STEPS]: "10%:1m,50%:1m" });
      await using crowd = new Crowd(place);
      await place.write("shop", BAD);
      await place.done("deploy shop");
      const followed = await place.run("rollout status shop --watch");
      assert.equal(followed.code, 1, followed.out);
      const both = /"shop-00002" failed 100 % of \d+ requests, "shop-00001" 0 % of \d+ requests/;
      assert.match(followed.out, both);
      assert.deepEqual(await stand(place), ["Aborted", "shop-00001 100"]);
      const hurt = crowd.failed;
      await crowd.goesOn(200);
      assert.equal(crowd.failed, hurt, "nobody is sent there any more");
      assert(hurt > 0 && hurt < 200, `${hurt} were hurt`);
      const service = await serviceOf(place);
      const ready = service.status?.conditions?.find(({ type }) => type === "Ready");
      assert.deepEqual([ready?.status, ready?.reason], ["False", "RolloutAborted"]);
      assert.match(ready?.message ?? "", both);
      assert.match((await place.done("describe shop")).out, /RolloutAborted/);
      await isStillSentBack(place);
    },
  },
  {
    title: "a slow revision is sent back by its percentile",
    async act(place) {
      await deployed(place, { [STEPS]: "30%:2m", [GATE]: "latency=p90*2" });
      await using _crowd = new Crowd(place);
      await place.write("shop", app('setTimeout(() => response.end("slow"), 150)'));
      await place.done("deploy shop");
      const followed = await place.run("rollout status shop --watch");
      assert.equal(followed.code, 1, followed.out);
      assert.match(followed.out, /LatencyWorse|p90 of "shop-00002" is \d+ ms of \d+ requests/);
      assert.deepEqual(await stand(place), ["Aborted", "shop-00001 100"]);
    },
  },
  {
    title: "with hardly any traffic a rollout waits, and people steer it",
    async act(place) {
      await deployed(place, { [STEPS]: "20%,40%,60%:manual" });
      await place.app("shop", "two");
      await place.done("deploy shop");
      for (let asked = 0; asked < 10; asked += 1) await place.answer(place.url("shop"));
      const waiting = await until(place, ({ trial }) => (trial?.requests.new ?? 0) >= 2);
      assert.deepEqual([waiting.state, waiting.reason], ["Waiting", "NotEnoughTraffic"]);
      const { out } = await place.done("rollout status shop");
      assert.match(out, /^Step +1 of 3$/m);
      assert.match(out, /NotEnoughTraffic, about \d+ requests of each are enough/);
      await place.done("rollout promote shop");
      assert.deepEqual(await stand(place), ["Waiting", "shop-00001 60", "shop-00002 40"]);
      await place.done("rollout pause shop");
      assert.equal((await stand(place))[0], "Paused");
      await place.done("rollout resume shop");
      await place.done("rollout promote shop");
      assert.deepEqual(await stand(place), ["Waiting", "shop-00002 60", "shop-00001 40"]);
      await place.done("rollout promote shop");
      assert.deepEqual(await stand(place), ["Complete", "shop-00002 100"]);
      await isRefused(place);
    },
  },
  {
    title: "an abort and an undo are at once, hold against the same manifest, and are taken back",
    async act(place) {
      await deployed(place, { [STEPS]: "20%:manual", [GATE]: "none" });
      await place.app("shop", "two");
      await place.done("deploy shop");
      await place.done("rollout abort shop");
      assert.deepEqual(await stand(place), ["Aborted", "shop-00001 100"]);
      await isStillSentBack(place);
      await place.done("rollout retry shop");
      assert.deepEqual(await stand(place), ["Waiting", "shop-00001 80", "shop-00002 20"]);
      await place.done("rollout promote shop --full");
      assert.equal(await place.answer(place.url("shop")), "two shop-00002 no x");
      const { err } = await place.done("rollout undo shop");
      assert.match(err, /shop-00002 is sent back, shop-00001 has its requests/);
      assert.equal(await place.answer(place.url("shop")), "one shop-00001 no x");
      await place.app("shop", "three");
      await place.done("deploy shop");
      assert.deepEqual(await stand(place), ["Waiting", "shop-00001 80", "shop-00003 20"]);
    },
  },
  {
    title: "one goes back at once to what has no instance any more and takes long to start",
    async act(place) {
      const listens = 'createServer((_, response) => response.end("one"))';
      const late = `setTimeout(() => ${listens}.listen(process.env.PORT), 4000)`;
      const scripts = { start: "node server.js" };
      await place.write("shop", {
        "package.json": JSON.stringify({ type: "module", scripts }),
        "server.js": `import { createServer } from "node:http"; ${late};`,
      });
      await place.done("deploy shop");
      for (const back of ["rollout undo shop", "rollback shop 1"]) {
        await place.app("shop", `two for ${back}`);
        await place.done("deploy shop");
        await place.done("traffic shop @latest=100");
        await isStopped(place, "shop-00001");
        await place.done(back);
        const { status } = await revisionOf(place, "shop-00001");
        assert.equal(status?.actualReplicas, 0, "nobody has waited for it to start");
        assert.equal(await place.answer(place.url("shop")), "one");
      }
    },
  },
];

/** The same with a server that is killed, for those who have it for themselves. */
export const RESTART_STORY: Story = {
  title: "a rollout goes on where it was when the server is killed, and what was sent back stays",
  async act(place) {
    const { varve } = place;
    await deployed(place, { [STEPS]: "20%:manual,40%:manual", [GATE]: "errors=5%" });
    await place.app("shop", "two");
    await place.done("deploy shop");
    await place.done("rollout promote shop");
    const before = ["Waiting", "shop-00001 60", "shop-00002 40"];
    assert.deepEqual(await stand(place), before);
    await using crowd = new Crowd(place);
    await varve.kill();
    await crowd.goesOn(100);
    await varve.start();
    assert.deepEqual(await stand(place), before);
    await until(place, ({ trial }) => (trial?.requests.new ?? 0) > 50);
    await place.done("rollout pause shop");
    await varve.kill();
    await varve.start();
    assert.deepEqual(await stand(place), ["Paused", ...before.slice(1)]);
    await place.done("rollout abort shop");
    await varve.kill();
    await varve.start();
    assert.deepEqual(await stand(place), ["Aborted", "shop-00001 100"]);
    await place.write("shop", BAD);
    await place.done("deploy shop", "--no-wait");
    await varve.kill();
    await varve.start();
    await until(place, ({ revision, state }) => revision === "shop-00003" && state === "Aborted");
    assert.deepEqual(await stand(place), ["Aborted", "shop-00001 100"]);
    await crowd.stop();
    assert.equal(crowd.broken, 0);
  },
};

/** The first revision serves, and says how those after it are rolled out. */
async function deployed(place: Place, annotations: Record<string, string>): Promise<void> {
  await place.app("shop", "one");
  await place.done("deploy shop");
  const key = { namespace: place.namespace, name: "shop" };
  await place.varve.client.patch({ kind: SERVICE, key }, { metadata: { annotations } });
  const isSaid = async () => {
    const { metadata } = await place.varve.client.get(ROUTE, key);
    return Object.keys(annotations).every((it) => metadata.annotations?.[it] === annotations[it]);
  };
  while (!(await isSaid())) await sleep(20);
}

async function serviceOf({ varve, namespace }: Place): Promise<Service> {
  return await varve.client.get(SERVICE, { namespace, name: "shop" });
}

async function revisionOf({ varve, namespace }: Place, name: string): Promise<Revision> {
  return await varve.client.get(REVISION, { namespace, name });
}

async function isStopped(place: Place, name: string): Promise<void> {
  const isUp = async () => {
    const { status } = await revisionOf(place, name);
    return status?.desiredReplicas !== 0 || status.actualReplicas !== 0;
  };
  while (await isUp()) await sleep(50);
}

/** The same manifest again, as those apply it who keep it in a repository. */
async function isStillSentBack(place: Place): Promise<void> {
  const { status: _, metadata, ...rest } = await serviceOf(place);
  const { resourceVersion: __, ...again } = metadata;
  const stored = await serviceOf(place);
  const { resourceVersion } = stored.metadata;
  await place.varve.client.put<Service>({ ...rest, metadata: { ...again, resourceVersion } });
  await sleep(300);
  assert.deepEqual(await stand(place), ["Aborted", "shop-00001 100"]);
}

async function isRefused(place: Place): Promise<void> {
  const cases = [
    { line: "promote shop", code: 1, says: /Nothing is being rolled out for "shop"/ },
    { line: "stauts shop", code: 2, says: /no "rollout stauts" \(did you mean "status"\?\)/ },
    { line: "pause shop 2", code: 2, says: /"2" is one word too many/ },
    { line: "undo shop 7", code: 2, says: /has no revision "7"/ },
    { line: "undo shop 2", code: 1, says: /"shop-00002" is the latest/ },
    { line: "status nobody", code: 1, says: /There is no service "nobody"/ },
  ];
  for (const { line, code, says } of cases) {
    const ended = await place.run(`rollout ${line}`);
    assert.equal(ended.code, code, line);
    assert.match(ended.err, says);
  }
}

async function stand(place: Place): Promise<readonly string[]> {
  const { state, shares } = await place.json<Told>("rollout status shop");
  return [state, ...shares.map(({ revision, percent }) => `${revision} ${percent}`)];
}

async function until(place: Place, isSo: (told: Told) => boolean): Promise<Told> {
  for (;;) {
    const told = await place.json<Told>("rollout status shop");
    if (isSo(told)) return told;
    await sleep(50);
  }
}

function app(answer: string) {
  const server = `
    import { createServer } from "node:http";
    createServer((request, response) => { ${answer} }).listen(process.env.PORT);
  `;
  const scripts = { start: "node server.js" };
  return { "package.json": JSON.stringify({ type: "module", scripts }), "server.js": server };
}

const BAD = app('response.writeHead(500).end("bad")');

/** People who use a service all the time, about three hundred times a second at most. */
class Crowd implements AsyncDisposable {
  readonly #place: Place;
  readonly #all: Promise<void>[];
  #isOver = false;
  answered = 0;
  failed = 0;
  broken = 0;

  constructor(place: Place) {
    this.#place = place;
    this.#all = Array.from({ length: 6 }, () => this.#run());
  }

  async goesOn(more: number): Promise<void> {
    const goal = this.answered + more;
    while (this.answered < goal) await sleep(10);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#all);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(): Promise<void> {
    const { port, host } = new URL(this.#place.url("shop"));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!this.#isOver) {
      const { promise, resolve } = Promise.withResolvers<number>();
      const options = { host: "127.0.0.1", port, headers: { host }, agent };
      request(options, (response) => {
        response.resume();
        response.on("end", () => resolve(response.statusCode ?? 0));
      })
        .on("error", () => resolve(0))
        .end();
      const code = await promise;
      this.answered += 1;
      if (code >= 500) this.failed += 1;
      if (code === 0) this.broken += 1;
      await sleep(15);
    }
    agent.destroy();
  }
}
