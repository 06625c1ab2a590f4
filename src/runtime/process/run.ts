import { chownSync, closeSync, mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Chance } from "../../base/chance.ts";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { type ProcessId, processOf } from "../../base/process.ts";
import type { Target } from "../attempt.ts";
import { keyOf } from "../key.ts";
import type { Records, RunRecord } from "../records.ts";
import type { Beginning, Ended, Known, Run } from "../run.ts";
import type { InstanceSpec } from "../runtime.ts";
import { unlessAborted } from "../unless_aborted.ts";
import { Cgroup } from "./cgroup.ts";
import type { CgroupPlace } from "./cgroup_tree.ts";
import type { Cgroups, Made } from "./cgroups.ts";
import type { CompileCaches } from "./compile_cache.ts";
import type { Deaths } from "./deaths.ts";
import { execProbe } from "./exec_probe.ts";
import { execute } from "./execution.ts";
import { freezeAll, killAll, thawAll, usageOf } from "./family.ts";
import type { LaidOutImages } from "./laid_out.ts";
import { isShell, launch } from "./launch.ts";
import { endLife, type Life } from "./life.ts";
import { checkPassage } from "./passage.ts";
import { type Plan, planOf } from "./plan.ts";
import type { Port, Ports } from "./ports.ts";
import type { RecentProcesses } from "./process_table.ts";
import type { Output, Spools } from "./spools.ts";

/** What is known on disk of a run that is a process. */
export interface ProcessRun extends RunRecord {
  readonly port: number;
  readonly token: string;
  readonly cgroup: readonly CgroupPlace[];
  /** Absent while it is about to be started. */
  readonly process?: ProcessId;
}

/** What the runs of all instances share. */
export interface Shared {
  readonly images: LaidOutImages;
  readonly compiled: CompileCaches;
  readonly ports: Ports;
  readonly cgroups: Cgroups;
  readonly spools: Spools;
  readonly deaths: Deaths;
  readonly records: Records<ProcessRun>;
  readonly recent: RecentProcesses;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Log;
  readonly toolPath: string;
  readonly pidsMax: number;
  /** Files open in this process that those it starts shall not have. */
  readonly inherited: readonly number[];
  /** With what the tokens of this server's instances begin. */
  readonly mark: string;
}

/**
 * Begins a run. Its record is there before its process is, and names the token that the process
 * has: however we end, whoever comes after us can find it. Throws when it cannot be begun.
 */
export async function beginRun(shared: Shared, beginning: Beginning<ProcessRun>): Promise<Run> {
  const { spec, signal } = beginning;
  const beganMs = shared.clock.elapsed();
  const image = await unlessAborted(signal, shared.images.get(spec.image));
  const unpackMs = shared.clock.elapsed() - beganMs;
  const scratch = shared.records.scratchOf(spec.name);
  const token = `${shared.mark}${shared.chance.token(18)}`;
  await rm(scratch, { recursive: true, force: true });
  const port = await shared.ports.take();
  try {
    signal.throwIfAborted();
    const { toolPath } = shared;
    const around = { port: port.number, token, scratch, toolPath };
    const plan = shared.compiled.give(planOf(spec, image, around), spec.image);
    makeScratch(scratch, plan);
    for (const path of [scratch, plan.directory]) await checkPassage(plan.user, path);
    return await startRun(shared, { ...beginning, plan, port, token, unpackMs });
  } catch (thrown) {
    port[Symbol.dispose]();
    throw thrown;
  }
}

/** Takes on a run whose process another server started. It may be over by now. */
export function adoptRun(shared: Shared, { spec, run }: Aged, leader: ProcessId): Run {
  const { token } = run;
  const cgroup = run.cgroup.length === 0 ? undefined : new Cgroup(run.cgroup);
  const vigil = shared.deaths.watch(leader);
  const life: Life = {
    family: { leader, token, cgroup },
    ended: vigil.gone.then(() => ({})),
    [Symbol.dispose]: () => vigil[Symbol.dispose](),
  };
  const output = shared.spools.resume(writerOf(spec, run.number));
  const port = shared.ports.adopt(run.port);
  const { toolPath } = shared;
  const scratch = shared.records.scratchOf(spec.name);
  // What is begun beside it is as it is, also where it could not be begun like that any more.
  const { security: _, ...rest } = spec;
  const plan = async () => {
    const image = await shared.images.get(spec.image);
    return planOf(rest, image, { port: run.port, token, scratch, toolPath });
  };
  const aim = { spec, port, cgroup, plan };
  return runOf(shared, { ...aim, life, output });
}

/** Clears away what is left of a run that never came to have a process. */
export async function forgetRun({ spools, clock }: Shared, { spec, run }: Aged): Promise<void> {
  await new Cgroup(run.cgroup).remove(clock);
  await spools.resume(writerOf(spec, run.number)).close();
}

type Aged = Pick<Known<ProcessRun>, "spec" | "run">;

interface Starting extends Beginning<ProcessRun> {
  readonly plan: Plan;
  readonly port: Port;
  readonly token: string;
  readonly unpackMs: number;
}

async function startRun(shared: Shared, starting: Starting): Promise<Run> {
  const { spec, plan, port, token, number, save, note } = starting;
  const made = shared.cgroups.make(`${keyOf(spec.name)}.${number}`, limitsOf(spec, shared));
  const output = shared.spools.begin(writerOf(spec, number));
  const record = aboutToStart(starting, made, shared.clock);
  const beganMs = shared.clock.elapsed();
  const { cgroup } = made;
  try {
    save(record);
    const fd = output.openForWriting();
    const launching = launch(plan, { output: fd, cgroup, inherited: shared.inherited });
    const launched = await launching.finally(() => closeSync(fd));
    // What ends at once is gone before we can look; then nobody has its number and this beginning.
    const leader = processOf(launched.pid) ?? { pid: launched.pid, startedAt: "unseen" };
    const { ended } = launched;
    const life: Life = { family: { leader, token, cgroup }, ended, [Symbol.dispose]: () => {} };
    note({ ...record, process: leader, startMs: shared.clock.elapsed() - beganMs });
    const aim = { spec, port, cgroup, plan: async () => plan };
    return runOf(shared, { ...aim, life, output });
  } catch (thrown) {
    await output.close();
    await cgroup?.remove(shared.clock);
    throw thrown;
  }
}

function aboutToStart({ plan, port, token, number, unpackMs }: Starting, made: Made, clock: Clock) {
  const caveats = [...plan.caveats, ...made.caveats];
  const cgroup = made.cgroup?.places ?? [];
  const startedAt = clock.timestamp();
  const run = { number, port: port.number, token, cgroup, caveats, startedAt, unpackMs };
  return { ...run, phase: "starting" } as const;
}

function limitsOf({ limits }: InstanceSpec, { pidsMax }: Shared) {
  return { ...limits, pidsMax };
}

function writerOf({ name, revision }: InstanceSpec, run: number) {
  return { name, revision, run };
}

interface Aim {
  readonly spec: InstanceSpec;
  readonly port: Port;
  readonly cgroup: Cgroup | undefined;
  plan(): Promise<Plan>;
}

function targetOf(shared: Shared, { spec, port, cgroup, plan }: Aim): Target {
  const scratch = shared.records.scratchOf(spec.name);
  const { inherited } = shared;
  return {
    host: "127.0.0.1",
    port: port.number,
    askedPort: spec.port,
    protocol: spec.protocol,
    exec: async (command, signal) =>
      await execProbe(command, { plan: await plan(), cgroup, inherited, scratch, signal }),
  };
}

interface Live extends Aim {
  readonly life: Life;
  readonly output: Output;
}

function runOf(shared: Shared, live: Live): Run {
  const { clock, recent, inherited, toolPath } = shared;
  const { life, port, plan } = live;
  const { family, ended } = life;
  let how: Ended = {};
  void ended.then((it) => {
    how = it;
  });
  const letBe = () => {
    life[Symbol.dispose]();
    port[Symbol.dispose]();
  };
  return {
    ended,
    target: targetOf(shared, live),
    freeze: () => freezeAll(family),
    thaw: () => thawAll(family),
    settle: () => port.settle(),
    usage: async () => usageOf(family, recent),
    exec: async (request) =>
      await execute(request, { plan: await plan(), cgroup: family.cgroup, inherited, toolPath }),
    end: ({ graceMs, signal }) => endLife(life, { clock, graceMs, signal }),
    clear: (signal) => clearRun(live, { clock, signal, code: () => how.code }),
    [Symbol.dispose]: letBe,
  };
}

interface Clearing {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly code: () => number | undefined;
}

async function clearRun({ life, port, output }: Live, { clock, signal, code }: Clearing) {
  const { family } = life;
  await killAll(family, clock, signal);
  const isOutOfMemory = (family.cgroup?.oomKills() ?? 0) > 0;
  life[Symbol.dispose]();
  port[Symbol.dispose]();
  await family.cgroup?.remove(clock);
  const last = await output.close();
  return { output: last, isOutOfMemory, wasStarted: !isShell(code(), last) };
}

/** A home and a place for temporary files, its own. */
function makeScratch(scratch: string, { user }: Plan): void {
  mkdirSync(scratch, { recursive: true, mode: 0o711 });
  for (const name of ["home", "tmp"]) {
    const path = join(scratch, name);
    mkdirSync(path, { mode: 0o700 });
    if (user.uid !== undefined && user.gid !== undefined) chownSync(path, user.uid, user.gid);
  }
}
