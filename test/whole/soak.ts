/**
 * `npm run soak -- --minutes 60`: requests of all sorts without a pause, while services are
 * deployed, shifted, rolled back, put to rest and woken, and the control process is killed. Not one
 * request may fail, and neither the control process nor a worker may grow.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { CONFIG_MAP, type ConfigMap } from "../../src/api/config_map.ts";
import { serverOf, stream, upload, webSocket } from "../support/acts.ts";
import { MemoryWatch } from "../support/memory_watch.ts";
import { numberFlag } from "../support/number_flag.ts";
import { type Act, get, SteadyLoad } from "../support/steady_load.ts";
import { VarveProcess } from "../support/varve_process.ts";
import { HOST, Story, workersOf } from "./continuity.ts";
import { Resting } from "./resting.ts";

interface SoakOptions {
  readonly minutes: number;
  /** Plain requests a second; of the other sorts there are fewer. */
  readonly rate: number;
  /** Kills of the control process, spread over the first half of the time. */
  readonly kills: number;
}

const MINUTE_MS = 60_000;
/** Between two changes. */
const PAUSE_MS = 1000;

/** What each sort is, and how many of it come for one plain request. */
const SORTS: Readonly<Record<string, readonly [Act, number]>> = {
  "plain requests": [get, 1],
  streams: [stream, 0.05],
  WebSockets: [webSocket, 0.03],
  uploads: [upload, 0.05],
};

/** The collector is kept at work, and nothing piles up only because it may. */
const GC = { "min-non-active-revisions": "5", "max-non-active-revisions": "10" };

async function soak({ minutes, rate, kills }: SoakOptions): Promise<boolean> {
  await using varve = await VarveProcess.start({ flags: ["--workers", "2"] });
  await collectSoon(varve);
  const story = new Story(varve, serverOf);
  await story.deploy();
  const resting = await Resting.deploy(varve, story.source);
  await using stack = new AsyncDisposableStack();
  const { gateway } = varve.endpoints;
  const loads = Object.entries(SORTS).map(([sort, [act, share]]) => {
    const options = { gateway, host: HOST, perSecond: rate * share, act };
    return [sort, stack.use(new SteadyLoad(options))] as const;
  });
  const memory = stack.use(new MemoryWatch(() => pidsOf(varve)));
  const beganMs = performance.now();
  const lastsMs = minutes * MINUTE_MS;
  let killed = 0;
  for (let round = 0; performance.now() - beganMs < lastsMs; round += 1) {
    await changeAll(story, resting, round);
    // In the first half, so that the last of its lives is long enough to see how it grows.
    const dueMs = ((killed + 1) * lastsMs) / (2 * kills);
    if (killed < kills && performance.now() - beganMs >= dueMs) {
      await story.killControl();
      killed += 1;
    }
  }
  for (const [, load] of loads) await load.stop();
  story.clean();
  const isFaultless = tellRequests(new Map(loads), resting);
  tellSteps(story, resting);
  return memory.tell() && isFaultless;
}

/** One of each change there is. */
async function changeAll(story: Story, resting: Resting, round: number): Promise<void> {
  const changes = [
    () => story.deploy(),
    () => story.split(),
    () => story.shift(round),
    () => story.rollBack(),
    () => resting.wake(),
  ];
  for (const change of changes) {
    await change();
    await sleep(PAUSE_MS);
  }
}

async function pidsOf(varve: VarveProcess): Promise<ReadonlyMap<number, string>> {
  const workers = (await workersOf(varve.home)).map((pid) => [pid, "workers"] as const);
  return new Map<number, string>([[varve.pid, "control"], ...workers]);
}

async function collectSoon({ client }: VarveProcess): Promise<void> {
  const { apiVersion, kind } = CONFIG_MAP;
  const metadata = { namespace: "varve-system", name: "config-gc" };
  await client.create<ConfigMap>({ apiVersion, kind, metadata, data: GC });
}

/** Every request by its sort, and why those that failed did. Answers with whether none did. */
function tellRequests(loads: ReadonlyMap<string, SteadyLoad>, { asked, failures }: Resting) {
  const rest = { sent: asked, failures: failures.map((why) => ({ why })) };
  const all = [...loads, ["from rest", rest] as const];
  for (const [sort, load] of all) {
    say(`  ${load.sent} ${sort}: ${load.failures.length} failed`);
    for (const { why } of load.failures.slice(0, 5)) say(`    failed: ${why}`);
  }
  const sum = (of: (it: (typeof all)[number][1]) => number) =>
    all.reduce((total, [, it]) => total + of(it), 0);
  const failed = sum((it) => it.failures.length);
  say(`${sum(({ sent }) => sent)} requests: ${failed} failed`);
  return failed === 0;
}

function tellSteps({ steps }: Story, { asked }: Resting): void {
  const counts = Map.groupBy(steps, (step) => /^[a-z]+/.exec(step)?.[0] ?? "shifted");
  const told = [...counts].map(([what, some]) => `${what} x ${some.length}`);
  say(`${steps.length} steps, ${asked} wakes from no instance: ${told.join(", ")}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    rate: { type: "string", default: "50" },
    kills: { type: "string" },
  },
});
const minutes = numberFlag("minutes", values.minutes);
const often = String(Math.max(1, Math.round(minutes / 15)));
const kills = numberFlag("kills", values.kills ?? often);
const rate = numberFlag("rate", values.rate, 1);
process.exitCode = (await soak({ minutes, rate, kills })) ? 0 : 1;
