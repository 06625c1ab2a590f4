import type { Revision } from "../../api/revision.ts";
import type { Service } from "../../api/service.ts";
import type { Context, Server } from "../command.ts";
import type { Progress } from "../progress.ts";
import { FAILED_MS } from "../until.ts";
import type { View, Watched } from "../view.ts";
import { BuildLog } from "./build_log.ts";
import { type Asked, isBuilding, judge, type Verdict } from "./judge.ts";

/** How waiting ended. */
export type End =
  | (Exclude<Verdict, { phase: "waiting" }> & {
      /** What the build said has been repeated. */
      readonly isLogTold?: boolean;
    })
  | { readonly phase: "timedOut"; readonly step: string; readonly revision?: Revision };

export interface Waiting {
  readonly asked: Asked;
  readonly name: string;
  readonly services: Watched<Service>;
  readonly revisions: Watched<Revision>;
  readonly view: View;
  readonly server: Server;
  readonly progress: Progress;
  readonly waitMs: number;
}

/** How long the last words of a build are waited for. */
const LAST_WORDS_MS = 2000;

/** Looks on until what was asked for serves, or will not. */
export async function waitForDeploy(context: Context, waiting: Waiting): Promise<End> {
  const { clock } = context;
  const { asked, name, services, revisions, view, server, progress, waitMs } = waiting;
  const log = new BuildLog(server, progress, view.signal);
  const untilMs = clock.elapsed() + waitMs;
  let failedMs: number | undefined;
  for (;;) {
    const verdict = judge(asked, { service: services.get(name), revisions: revisions.list() });
    const nowMs = clock.elapsed();
    if (verdict.phase === "failed") failedMs ??= nowMs;
    else failedMs = undefined;
    const patienceMs = failedMs === undefined ? Infinity : failedMs + FAILED_MS - nowMs;
    const isSettled = verdict.phase === "failed" && (verdict.isFinal || patienceMs <= 0);
    if (isSettled || (verdict.phase !== "waiting" && verdict.phase !== "failed")) {
      await ended(log, context);
      return { ...verdict, isLogTold: log.hasSpoken };
    }
    if (nowMs >= untilMs) return timedOut(verdict);
    if (verdict.phase === "waiting") tell(verdict, { log, progress });
    await view.changed(Math.max(1, Math.min(patienceMs, untilMs - nowMs)));
  }
}

interface Telling {
  readonly log: BuildLog;
  readonly progress: Progress;
}

function tell(verdict: Verdict & { phase: "waiting" }, { log, progress }: Telling): void {
  const { step, detail, revision } = verdict;
  progress.step(step, detail);
  if (revision !== undefined && isBuilding(revision.status)) log.follow(revision.metadata.name);
}

function timedOut(verdict: Verdict & { phase: "waiting" | "failed" }): End {
  const { revision } = verdict;
  const known = revision === undefined ? {} : { revision };
  if (verdict.phase === "failed") return { phase: "timedOut", step: verdict.message, ...known };
  const { step, detail = "" } = verdict;
  return { phase: "timedOut", step: detail === "" ? step : `${step}: ${detail}`, ...known };
}

async function ended(log: BuildLog, { clock }: Context): Promise<void> {
  const late = Promise.withResolvers<void>();
  using _late = clock.after(LAST_WORDS_MS, late.resolve);
  await Promise.race([log.end(), late.promise]);
}
