import type { Probe } from "../api/probe.ts";
import type { Clock } from "../base/clock.ts";
import { attempt, type Target, type Verdict } from "./attempt.ts";
import type { RunRecord } from "./records.ts";
import type { InstanceSpec } from "./runtime.ts";

export interface Probing {
  readonly target: Target;
  readonly clock: Clock;
  /** What it is held to be until tries say otherwise. */
  readonly isWell: boolean;
  /** Without a period: many times a second until it is well. Otherwise every ten seconds. */
  readonly isEager: boolean;
  /** The probers that are eager now, of all instances: it is among them while it is. */
  readonly crowd: Set<unknown>;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Called after each try: whether it is well by now, and what the try found. */
  readonly tell: (isWell: boolean, verdict: Verdict) => void;
}

const CALM_MS = 10_000;

/** An eager prober adds at most a twentieth to the time an app takes, or this, to become ready. */
const EAGER_MS_MIN = 5;
const EAGER_MS_MAX = 250;
/**
 * Many that start at once share the processor, and are ready later by as much: together their
 * probers try no more often than this.
 */
const EAGER_MS_EACH = 5;

/** Probes an instance until the signal. */
export async function keepProbing(probe: Probe, probing: Probing): Promise<void> {
  const { clock, crowd, signal, tell } = probing;
  const { successThreshold = 1, failureThreshold = 3 } = probe;
  let { isWell } = probing;
  let wells = 0;
  let ills = 0;
  try {
    await clock.sleep(firstPauseMs(probe, probing.isEager), { signal });
    let beganMs = clock.elapsed();
    while (!signal.aborted) {
      const verdict = await tryOnce(probe, probing);
      if (signal.aborted) return;
      wells = verdict.isWell ? wells + 1 : 0;
      ills = verdict.isWell ? 0 : ills + 1;
      if (isWell && ills >= Math.max(1, failureThreshold)) {
        isWell = false;
        beganMs = clock.elapsed();
      } else if (wells >= Math.max(1, successThreshold)) isWell = true;
      tell(isWell, verdict);
      const sinceMs = clock.elapsed() - beganMs;
      const isEager = probing.isEager && !isWell;
      if (isEager) crowd.add(probing);
      else crowd.delete(probing);
      const ms = isEager ? eagerPauseMs(probe, sinceMs, crowd.size) : pauseMs(probe);
      await clock.sleep(ms, { signal });
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  } finally {
    crowd.delete(probing);
  }
}

export interface Started extends Pick<Probing, "target" | "clock" | "crowd" | "signal"> {
  /** Called after each try that failed, with what it found. */
  readonly notYet: (found: string) => void;
}

/**
 * Probes an instance until it has come up once, at first without a pause and then every period.
 * Answers with what the last try found when it failed too often, or when the signal came.
 */
export async function startedUp(probe: Probe, started: Started): Promise<string | undefined> {
  const { failureThreshold = 3, periodSeconds = 0 } = probe;
  const paced = { ...probe, periodSeconds: periodSeconds > 0 ? periodSeconds : CALM_MS / 1000 };
  const over = new AbortController();
  const signal = AbortSignal.any([started.signal, over.signal]);
  let failures = 0;
  let found: string | undefined = "it was not looked at";
  const tell = (isWell: boolean, verdict: Verdict) => {
    failures += verdict.isWell ? 0 : 1;
    found = isWell ? undefined : verdict.message;
    if (!verdict.isWell) started.notYet(verdict.message);
    if (isWell || failures >= Math.max(1, failureThreshold)) over.abort();
  };
  await keepProbing(paced, { ...started, signal, isWell: false, isEager: true, tell });
  return found;
}

/** How what is found is told of a run, and its phase so far. */
export interface RunProbing extends Started {
  readonly phase: () => RunRecord["phase"] | undefined;
  readonly tellReadiness: Probing["tell"];
  /** Called when it should be ended, with what a probe found. */
  readonly isIll: (found: string) => void;
}

/** Probes a run by all its probes until the signal: the others begin when it has started up. */
export async function probeRun(spec: InstanceSpec, probing: RunProbing): Promise<void> {
  const { phase, tellReadiness, isIll, ...shared } = probing;
  if (!(await hasStarted(spec, probing))) return;
  void keepProbing(spec.readiness, {
    ...shared,
    isWell: phase() === "ready",
    isEager: true,
    tell: tellReadiness,
  });
  if (spec.liveness === undefined) return;
  void keepProbing(spec.liveness, {
    ...shared,
    isWell: true,
    isEager: false,
    tell: (isWell, { message }) => {
      if (!isWell) isIll(`its liveness probe failed: ${message}`);
    },
  });
}

/** Waits for the startup probe, where there is one and this run has not passed it before. */
async function hasStarted({ startup }: InstanceSpec, probing: RunProbing): Promise<boolean> {
  const phase = probing.phase();
  if (startup === undefined || phase === "ready" || phase === "unready") return true;
  const found = await startedUp(startup, probing);
  if (found !== undefined && !probing.signal.aborted) {
    probing.isIll(`its startup probe failed: ${found}`);
  }
  return found === undefined;
}

/** Who is held to be well gets a first period in which to become so. */
function firstPauseMs(probe: Probe, isEager: boolean): number {
  const { initialDelaySeconds = 0 } = probe;
  if (initialDelaySeconds > 0) return initialDelaySeconds * 1000;
  return isEager ? 0 : pauseMs(probe);
}

function pauseMs({ periodSeconds = 0 }: Probe): number {
  return periodSeconds > 0 ? periodSeconds * 1000 : CALM_MS;
}

function eagerPauseMs(probe: Probe, sinceMs: number, many: number): number {
  if ((probe.periodSeconds ?? 0) > 0) return pauseMs(probe);
  // A command is a process each time.
  const least = probe.exec === undefined ? EAGER_MS_MIN : EAGER_MS_MIN * 10;
  return Math.min(EAGER_MS_MAX, Math.max(least, sinceMs / 20, many * EAGER_MS_EACH));
}

async function tryOnce(probe: Probe, { target, clock, signal }: Probing): Promise<Verdict> {
  const seconds = Math.max(1, probe.timeoutSeconds ?? 1);
  const stop = new AbortController();
  const give = () => stop.abort();
  signal.addEventListener("abort", give, { once: true });
  using _ = clock.after(seconds * 1000, give);
  try {
    const verdict = await attempt(probe, { ...target, signal: stop.signal });
    if (!stop.signal.aborted || verdict.isWell) return verdict;
    return { isWell: false, message: `it gives no answer to its probe within ${seconds} s` };
  } finally {
    signal.removeEventListener("abort", give);
  }
}
