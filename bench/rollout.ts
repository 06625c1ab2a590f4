/** A bad release: how many requests it hurts, and how soon all of them go to the old one again. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROLLOUT_NOTE } from "../src/api/labels.ts";
import { REVISION } from "../src/api/revision.ts";
import { ROUTE } from "../src/api/route.ts";
import { SERVICE } from "../src/api/service.ts";
import { packDirectory } from "../src/base/pack.ts";
import { ready, serviceFrom, VarveProcess } from "../test/support/varve_process.ts";
import { claim, elapsedMs, rounded } from "./report.ts";

const RATE = Number(process.argv[2] ?? 200);
const ROUNDS = Number(process.argv[3] ?? 3);
const SHARE = 5;
const RETURN_BUDGET_MS = 1000;
/** What it is sent in four seconds: none of them ends, so they show in what is open alone. */
const HUNG_MAX = (RATE * SHARE * 4) / 100;
const KEY = { namespace: "default", name: "shop" };
const SERVER = `
  const { MODE = "good", K_REVISION, PORT, LATE = "0" } = process.env;
  const server = require("node:http").createServer((_, res) => {
    const isBad = MODE === "bad" || (MODE === "flaky" && Math.random() < 0.05);
    const answer = () => res.writeHead(isBad ? 500 : 200).end(K_REVISION);
    if (MODE === "slow") setTimeout(answer, 200); else if (MODE !== "hung") answer();
  });
  setTimeout(() => server.listen(Number(PORT)), Number(LATE));`;

async function main(source: string): Promise<void> {
  writeFileSync(join(source, "server.js"), SERVER);
  writeFileSync(join(source, "package.json"), '{"scripts":{"start":"node server.js"}}');
  const archive = `${source}.tar`;
  writeFileSync(archive, Buffer.concat(await Array.fromAsync(packDirectory(source))));
  await using varve = await VarveProcess.start();
  await varve.client.create(serviceFrom(`archive+file://${archive}`, "shop"));
  await ready(varve.client, "shop");
  const annotations = { "varve.dev/rollout-steps": `${SHARE}%:10m` };
  await varve.client.patch({ kind: SERVICE, key: KEY }, { metadata: { annotations } });
  await using crowd = new Crowd(varve);
  await sleep(3000);
  for (const mode of ["bad", "flaky", "slow"]) await release(mode, varve, crowd);
  await hang(varve, crowd);
  await goBack(varve, crowd);
}

/** A release that takes requests and never answers shows in what is open. */
async function hang(varve: VarveProcess, crowd: Crowd): Promise<void> {
  await untilAborted(varve, await deploy(varve, { MODE: "hung" }));
  await sleep(1500);
  const what = `a release that never answers at ${SHARE} % of ${RATE} req/s`;
  const kept = crowd.open <= HUNG_MAX ? "kept" : "missed";
  claim("rollout", `${what}: ${crowd.open} requests hang, budget ${HUNG_MAX}: ${kept}`);
}

interface Hurt {
  readonly hurt: number;
  readonly sent: number;
  readonly returnMs: number;
}

/** A release of that kind, several times, and what it did until it was sent back. */
async function release(mode: string, varve: VarveProcess, crowd: Crowd): Promise<void> {
  const all: Hurt[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = crowd.failed;
    const last = await deploy(varve, { MODE: mode, ROUND: String(round) });
    const latest = await untilAborted(varve, last);
    await sleep(1500);
    const seen = crowd.of(latest);
    const returnMs = seen.lastMs - (mode === "slow" ? seen.firstMs : seen.firstBadMs);
    all.push({ hurt: crowd.failed - before, sent: seen.count, returnMs });
  }
  const of = (what: keyof Hurt) => median(all.map((it) => it[what]));
  const hurt = mode === "slow" ? `${of("sent")} answered late` : `${of("hurt")} requests failed`;
  const from = mode === "slow" ? "first answer" : "first failure";
  claim(
    "rollout",
    `${KINDS[mode]} at ${SHARE} % of ${RATE} req/s: ${hurt} of ${of("sent")} it was sent, ` +
      `${rounded(of("returnMs"))} ms from its ${from} to its last`,
  );
}

const KINDS: Readonly<Record<string, string>> = {
  bad: "a release that answers with errors alone",
  flaky: "a release that fails one request in twenty",
  slow: "a release that takes 200 ms instead of about 1",
};

/** By hand, to one that has been stopped and takes two seconds to listen. */
async function goBack(varve: VarveProcess, crowd: Crowd): Promise<void> {
  const times: number[] = [];
  const annotations = { "varve.dev/rollout-steps": null };
  await varve.client.patch({ kind: SERVICE, key: KEY }, { metadata: { annotations } });
  await deploy(varve, { MODE: "good", LATE: "2000" });
  const old = await served(varve);
  for (let round = 0; round < ROUNDS; round += 1) {
    await deploy(varve, { MODE: "good", ROUND: `back ${round}` });
    const name = await served(varve);
    await sleep(2000);
    const key = { namespace: "default", name };
    const notes = { annotations: { [ROLLOUT_NOTE.instead]: old } };
    const isMoved = async () =>
      (await varve.client.get(ROUTE, KEY)).status?.traffic?.[0]?.revisionName === old;
    const tookMs = await elapsedMs(async () => {
      await varve.client.patch({ kind: REVISION, key }, { metadata: notes });
      while (!(await isMoved())) await sleep(2);
    });
    times.push(tookMs);
  }
  const took = median(times);
  const kept = took <= RETURN_BUDGET_MS ? "kept" : "missed";
  claim(
    "rollout",
    `back to a stopped revision that takes 2 s to start: traffic has moved after ` +
      `${rounded(took)} ms, budget ${RETURN_BUDGET_MS} ms: ${kept}; ${crowd.broken} broken`,
  );
}

/** Answers with the newest revision before it. */
async function deploy(varve: VarveProcess, env: Readonly<Record<string, string>>) {
  const { spec, status } = await varve.client.get(SERVICE, KEY);
  const [container] = spec.template?.spec?.containers ?? [];
  const variables = Object.entries(env).map(([name, value]) => ({ name, value }));
  const containers = [{ ...container, env: variables }];
  const patch = { spec: { template: { spec: { containers } } } };
  await varve.client.patch({ kind: SERVICE, key: KEY }, patch);
  return status?.latestCreatedRevisionName;
}

async function untilAborted(varve: VarveProcess, last: string | undefined): Promise<string> {
  for (;;) {
    const { status } = await varve.client.get(SERVICE, KEY);
    const route = await varve.client.get(ROUTE, KEY);
    const [rollout] = route.status?.rollouts ?? [];
    const latest = status?.latestCreatedRevisionName;
    const isNew = latest !== undefined && latest !== last;
    const isIt = rollout?.phase === "Aborted" && rollout.revisionName === latest;
    if (isNew && isIt) return latest;
    await sleep(20);
  }
}

async function served(varve: VarveProcess): Promise<string> {
  const { status } = await ready(varve.client, "shop");
  return status?.latestReadyRevisionName ?? "";
}

interface Answers {
  count: number;
  firstMs: number;
  firstBadMs: number;
  lastMs: number;
}

/** Users who come at a rate, whether or not those before them were answered. */
class Crowd implements AsyncDisposable {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 100 });
  readonly #answers = new Map<string, Answers>();
  readonly #running: Promise<void>;
  #isOver = false;
  open = 0;
  failed = 0;
  broken = 0;

  constructor(varve: VarveProcess) {
    this.#running = this.#run(varve);
  }

  of(revision: string): Answers {
    return this.#answers.get(revision) ?? { count: 0, firstMs: 0, firstBadMs: 0, lastMs: 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#running;
    this.#agent.destroy();
  }

  async #run(varve: VarveProcess): Promise<void> {
    const { port } = new URL(varve.endpoints.gateway);
    const start = performance.now();
    for (let sent = 0; !this.#isOver; sent += 1) {
      const dueMs = start + (sent * 1000) / RATE - performance.now();
      if (dueMs > 1) await sleep(dueMs);
      this.#ask(Number(port));
    }
  }

  #ask(port: number): void {
    const headers = { host: "shop.default.localhost" };
    this.open += 1;
    const sent = request({ host: "127.0.0.1", port, headers, agent: this.#agent }, (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += String(chunk);
      });
      response.on("end", () => this.#count(body, response.statusCode ?? 0));
      response.on("error", () => this.#break());
    });
    sent.on("error", () => this.#break()).end();
  }

  #break(): void {
    this.broken += 1;
    this.open -= 1;
  }

  #count(revision: string, code: number): void {
    this.open -= 1;
    const now = performance.now();
    const known = this.#answers.get(revision);
    const answers = known ?? { count: 0, firstMs: now, firstBadMs: 0, lastMs: now };
    this.#answers.set(revision, answers);
    answers.count += 1;
    answers.lastMs = now;
    if (code < 500) return;
    this.failed += 1;
    if (answers.firstBadMs === 0) answers.firstBadMs = now;
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? 0;
}

const directory = mkdtempSync(join(tmpdir(), "varve-bench-"));
try {
  await main(directory);
} finally {
  rmSync(directory, { recursive: true, force: true });
  rmSync(`${directory}.tar`, { force: true });
}
