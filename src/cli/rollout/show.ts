import type { Rollout } from "../../api/rollout.ts";
import { aligned, columns } from "../columns.ts";
import type { Context } from "../command.ts";
import { inWords } from "../service_facts.ts";
import type { Seen, Standing } from "./facts.ts";

/** What programs are told of a rollout. */
export function standingAsJson({ service }: Seen, standing: Standing): object {
  const { state, reason, message, revision, shares, rollout } = standing;
  const { step, steps, stepTime, nextStepTime, trial } = rollout ?? {};
  const { namespace, name } = service.metadata;
  return {
    ...{ namespace, service: name, state, reason, message, revision: revision ?? null },
    ...{ step: step === undefined ? null : step + 1, steps: steps ?? null },
    ...{ stepTime: stepTime ?? null, nextStepTime: nextStepTime ?? null },
    ...{ shares, trial: trial ?? null },
  };
}

/** One line that says how far it is. */
export function standingLine({ state, message, revision, shares, rollout }: Standing): string {
  const { step, steps } = rollout ?? {};
  const at = step === undefined ? "" : `, step ${step + 1} of ${steps}`;
  const seen = rollout === undefined ? "" : seenLine(rollout);
  const why = message === "" ? "" : `: ${message}`;
  return `${state} ${revision ?? ""}${at}${why}; requests go to ${inWords(shares)}${seen}`;
}

/** The whole of it, for people. */
export function standingLines(
  { service }: Seen,
  standing: Standing,
  { terminal, command }: Context,
): readonly string[] {
  const { state, message, revision, shares, rollout } = standing;
  const { step, steps, nextStepTime } = rollout ?? {};
  const { name } = service.metadata;
  return [
    ...aligned([
      ["Service", terminal.style("bold", name)],
      ["Revision", revision ?? "none"],
      ["State", `${state}${message === "" ? "" : `: ${message}`}`],
      ...(step === undefined ? [] : [["Step", `${step + 1} of ${steps}`]]),
      ...(nextStepTime === undefined ? [] : [["Next", nextStepTime]]),
      ["Requests", inWords(shares)],
    ]),
    ...(rollout === undefined ? [] : trialLines(rollout)),
    ...wayOn(standing, (words) => command(`rollout ${words} ${name}`)),
  ];
}

function trialLines({ trial, revisionName = "", revisions }: Rollout): readonly string[] {
  if (trial === undefined) return [];
  const { requests, failed, percentileMs, needed, verdict, sinceTime } = trial;
  const old = revisions.find((it) => it.revisionName !== revisionName)?.revisionName ?? "";
  const row = (name: string, which: "new" | "old") => [
    ...[name, `${requests[which]}`, `${failed[which]}`, share(failed[which], requests[which])],
    percentileMs === undefined ? "" : `${Math.round(percentileMs[which] * 10) / 10} ms`,
  ];
  const headings = ["COMPARED", "REQUESTS", "FAILED", "RATE", "PERCENTILE"];
  const enough = `about ${needed} requests of each are enough`;
  return [
    "",
    ...columns(headings, [row(revisionName, "new"), row(old, "old")]),
    `since ${sinceTime}: ${verdict}${verdict === "NotEnoughTraffic" ? `, ${enough}` : ""}`,
  ];
}

function seenLine({ trial }: Rollout): string {
  if (trial === undefined) return "";
  const { requests, failed, verdict, needed } = trial;
  const rates = `failed ${failed.new} of ${requests.new}, the old ${failed.old} of ${requests.old}`;
  const enough = verdict === "NotEnoughTraffic" ? `, about ${needed} are enough` : "";
  return `; ${rates} (${verdict}${enough})`;
}

function share(part: number, whole: number): string {
  return whole === 0 ? "" : `${Math.round((part / whole) * 10_000) / 100} %`;
}

function wayOn({ state }: Standing, way: (words: string) => string): readonly string[] {
  if (state === "Waiting") return ["", `Go on all the same: ${way("promote")}`];
  if (state === "Paused") return ["", `Go on: ${way("resume")}`];
  if (state === "Aborted") return ["", `Try it again from the first step: ${way("retry")}`];
  return [];
}
