/**
 * Deploys, moves traffic, rolls back, and kills processes under steady requests, and counts every
 * request that failed. `node test/whole/continuity.ts [--rounds 10] [--kills 3] [--rate 200]`
 * `--rests 20` also lets a service have no instance so often, and asks for it then.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { SERVICE, type Service } from "../../src/api/service.ts";
import { type Failure, SteadyLoad } from "../support/steady_load.ts";
import { ready, serviceFrom, VarveProcess } from "../support/varve_process.ts";
import { Resting } from "./resting.ts";

export interface ContinuityOptions {
  /** Of deploys, of changes of traffic, and of rollbacks. */
  readonly rounds: number;
  readonly controlKills: number;
  readonly workerKills: number;
  /** Times that all workers are replaced, one by one. */
  readonly replacements?: number;
  /** Changes of traffic besides those of the rounds. */
  readonly splits?: number;
  /** Times that another Service has gone to rest and is woken. */
  readonly rests?: number;
  /** Requests a second. */
  readonly rate: number;
}

export interface ContinuityReport {
  readonly sent: number;
  /** Not counting those whose connection was to a gateway worker when that was killed. */
  readonly failures: readonly Pick<Failure, "why">[];
  readonly lostWithWorker: number;
  readonly steps: readonly string[];
}

const NAME = "steady";
export const HOST = `${NAME}.default.localhost`;

export async function continuity(options: ContinuityOptions): Promise<ContinuityReport> {
  await using varve = await VarveProcess.start({ flags: ["--workers", "2"] });
  const story = new Story(varve);
  await story.deploy();
  await using load = new SteadyLoad({
    gateway: varve.endpoints.gateway,
    host: HOST,
    perSecond: options.rate,
  });
  const excused = new Set<number>();
  const { rounds, controlKills, workerKills, replacements = 0, splits = 0, rests = 0 } = options;
  const resting = rests === 0 ? undefined : await Resting.deploy(varve, story.source);
  for (let round = 0; round < rounds; round += 1) {
    await story.deploy();
    await story.split();
    await story.rollBack();
    for (let more = 0; more < splits / rounds; more += 1) await story.shift(more);
    if (round < rests) await resting?.wake();
    if (round < replacements) await story.replaceWorkers();
    if (round < controlKills) await story.killControl();
    if (round < workerKills) for (const port of await story.killWorker(load)) excused.add(port);
  }
  await load.stop();
  const failures = load.failures.filter(({ localPort }) => !excused.has(localPort));
  const lostWithWorker = load.failures.length - failures.length;
  story.clean();
  const { asked = 0, failures: asleep = [] } = resting ?? {};
  const woken = Array.from({ length: asked }, () => "woken from no instance");
  return {
    sent: load.sent + asked,
    failures: [...failures, ...asleep.map((why) => ({ why: `from rest: ${why}` }))],
    lostWithWorker,
    steps: [...story.steps, ...woken],
  };
}

/** Answers with its version to whatever it is asked. */
function plainServer(version: number): string {
  const answer = `(_, answer) => answer.end("version ${version}")`;
  return `require("http").createServer(${answer}).listen(process.env.PORT);`;
}

/** What is done to the Service "steady" of a server, while others ask it. */
export class Story {
  readonly steps: string[] = [];
  readonly #varve: VarveProcess;
  readonly #serverOf: (version: number) => string;
  readonly #source = mkdtempSync(join(tmpdir(), "varve-source-"));
  #version = 0;

  constructor(varve: VarveProcess, serverOf = plainServer) {
    this.#varve = varve;
    this.#serverOf = serverOf;
    this.#git("init", "--quiet");
  }

  /** Another version of the source, all traffic to it when it is ready. */
  async deploy(): Promise<void> {
    this.#version += 1;
    const source = this.#commit();
    const draft = serviceFrom(source, NAME);
    if (this.#version === 1) await this.#varve.client.create<Service>(draft);
    else await this.#change((service) => ({ ...service, spec: draft.spec }));
    await this.#settled(`deployed version ${this.#version}`);
  }

  /** Half of the requests to the version before. */
  async split(): Promise<void> {
    const [newest, before] = await this.#revisions();
    const shares = [newest, before ?? newest].map((revisionName = "") => {
      return { revisionName, percent: 50 };
    });
    await this.#traffic(shares);
    await this.#settled("split 50/50");
  }

  /** All requests to the version before. */
  async rollBack(): Promise<void> {
    const [newest, before = newest] = await this.#revisions();
    await this.#traffic([{ revisionName: before ?? "", percent: 100 }]);
    await this.#settled(`rolled back to ${before}`);
  }

  /** Some other share to the version before. */
  async shift(step: number): Promise<void> {
    const [newest, before = newest] = await this.#revisions();
    const percent = 10 + ((step * 17) % 80);
    await this.#traffic([
      { revisionName: newest ?? "", percent },
      { revisionName: before ?? "", percent: 100 - percent },
    ]);
    await this.#settled(`${percent} % to ${newest}`);
  }

  /** As an operator does after an upgrade. */
  async replaceWorkers(): Promise<void> {
    const before = await workersOf(this.#varve.home);
    process.kill(this.#varve.pid, "SIGHUP");
    for (let tries = 0; tries < 600; tries += 1) {
      const now = await workersOf(this.#varve.home);
      if (now.length === before.length && now.every((pid) => !before.includes(pid))) break;
      assert(tries < 599, "the workers were not replaced");
      await sleep(100);
    }
    await this.#settled("replaced all gateway workers");
  }

  async killControl(): Promise<void> {
    await this.#varve.kill();
    await sleep(300);
    await this.#varve.start();
    await this.#settled("killed the control process");
  }

  /** Answers with the ports of all connections that were open at that moment. */
  async killWorker(load: SteadyLoad): Promise<ReadonlySet<number>> {
    const [pid] = await workersOf(this.#varve.home);
    assert(pid !== undefined, "there is a worker");
    const { ports } = load;
    process.kill(pid, "SIGKILL");
    await sleep(500);
    await this.#settled("killed a gateway worker");
    return ports;
  }

  clean(): void {
    rmSync(this.#source, { recursive: true });
  }

  /** What was deployed last, as a source. */
  get source(): string {
    return `git+file://${this.#source}#${this.#git("rev-parse", "HEAD").trim()}`;
  }

  #commit(): string {
    const body = `version ${this.#version}`;
    writeFileSync(join(this.#source, "server.js"), this.#serverOf(this.#version));
    writeFileSync(join(this.#source, "package.json"), '{"scripts":{"start":"node server.js"}}');
    this.#git("add", "--all");
    this.#git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", body);
    return this.source;
  }

  #git(...args: readonly string[]): string {
    return execFileSync("git", args, { cwd: this.#source, encoding: "utf8" });
  }

  async #revisions(): Promise<readonly string[]> {
    const { REVISION } = await import("../../src/api/revision.ts");
    const { items } = await this.#varve.client.list(REVISION, { namespace: "default" });
    return items
      .map(({ metadata }) => metadata.name)
      .toSorted()
      .toReversed();
  }

  async #traffic(traffic: NonNullable<Service["spec"]["traffic"]>): Promise<void> {
    await this.#change((service) => ({ ...service, spec: { ...service.spec, traffic } }));
  }

  async #change(change: (service: Service) => Service): Promise<void> {
    const { client } = this.#varve;
    await client.put(change(await client.get(SERVICE, { namespace: "default", name: NAME })));
  }

  async #settled(step: string): Promise<void> {
    await ready(this.#varve.client, NAME);
    this.steps.push(step);
    await sleep(100);
  }
}

/** The processes of the gateway of a home. */
export async function workersOf(home: string): Promise<readonly number[]> {
  const directory = join(home, "gateway");
  const names = await readdir(directory, { recursive: true });
  const records = names.filter((name) => name.endsWith(".json"));
  // One that ends takes its record with it.
  const read = (name: string) => readFile(join(directory, name), "utf8").catch(() => "{}");
  const texts = await Promise.all(records.map(read));
  return texts.map((text) => JSON.parse(text)?.id?.pid).filter((pid) => typeof pid === "number");
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "10" },
      kills: { type: "string", default: "3" },
      rate: { type: "string", default: "200" },
      splits: { type: "string", default: "0" },
      replacements: { type: "string", default: "0" },
      "worker-kills": { type: "string", default: "1" },
      rests: { type: "string", default: "0" },
    },
  });
  const report = await continuity({
    rounds: Number(values.rounds),
    controlKills: Number(values.kills),
    workerKills: Number(values["worker-kills"]),
    rate: Number(values.rate),
    splits: Number(values.splits),
    replacements: Number(values.replacements),
    rests: Number(values.rests),
  });
  const { sent, failures, lostWithWorker, steps } = report;
  for (const { why } of failures.slice(0, 10)) process.stdout.write(`failed: ${why}\n`);
  const lost = `${lostWithWorker} lost with the killed worker`;
  process.stdout.write(
    `${sent} requests over ${steps.length} steps: ${failures.length} failed, ${lost}\n`,
  );
  process.exitCode = failures.length === 0 ? 0 : 1;
}
