import { type Container, servingContainer } from "./container.ts";
import { checkContainer } from "./container_check.ts";
import type { Violation } from "./kind.ts";
import { whyBadName } from "./name.ts";
import type { RevisionSpec } from "./revision_spec.ts";
import { at, disallowed, invalidValue, missing, outside, together, wrong } from "./violation.ts";
import { checkVolumes } from "./volume_check.ts";

export interface RevisionLimits {
  readonly timeoutSecondsMax: number;
  readonly concurrencyMax: number;
}

/** Knative's own; the cap on time is a setting, not a law (spec/elafros §16 O-2). */
const LIMITS: RevisionLimits = { timeoutSecondsMax: 600, concurrencyMax: 1000 };

/** The longest of the other times: what is upgraded or streams is bounded by them alone. */
const DAY_SECONDS = 86_400;

/** What is wrong with what shall run (spec/elafros §4.4). `path` is where it stands. */
export function checkRevisionSpec(spec: RevisionSpec, path: string): readonly Violation[] {
  return [
    ...checkContainers(spec, path),
    ...checkVolumes(spec, path),
    ...checkTimes(spec, path),
    ...outside(at(path, "containerConcurrency"), spec.containerConcurrency, {
      from: 0,
      to: LIMITS.concurrencyMax,
    }),
    ...checkAccount(spec, path),
  ];
}

function checkContainers(spec: RevisionSpec, path: string): readonly Violation[] {
  const { containers = [] } = spec;
  const all = at(path, "containers");
  if (containers.length === 0) return [missing(all)];
  const volumes = new Map((spec.volumes ?? []).map((volume) => [volume.name, volume]));
  const serving = servingContainer(containers);
  const names = new Set<string>();
  const each = containers.flatMap((container, index) => {
    const { name = "", ports = [] } = container;
    const where = at(all, index);
    const isServing = container === serving || ports.length > 0;
    const checked = checkContainer(container, { path: where, volumes, isServing });
    const isFirst = !names.has(name);
    names.add(name);
    return isFirst
      ? checked
      : [...checked, wrong(at(where, "name"), `duplicate container name "${name}"`)];
  });
  return [...each, ...checkOnePort(containers, all)];
}

function checkOnePort(containers: readonly Container[], path: string): readonly Violation[] {
  const places = containers.flatMap(({ ports = [] }, index) =>
    ports.map((_, port) => at(path, index, "ports", port)),
  );
  if (places.length > 1) {
    const details = "Only a single port is allowed across all containers";
    return [wrong(together(places), "more than one container port is set", details)];
  }
  if (places.length === 0 && containers.length > 1) return [missing(`${path}[*].ports`)];
  return [];
}

function checkTimes(spec: RevisionSpec, path: string): readonly Violation[] {
  const { timeoutSeconds, responseStartTimeoutSeconds: start, idleTimeoutSeconds: idle } = spec;
  const most = { from: 0, to: LIMITS.timeoutSecondsMax };
  const day = { from: 0, to: DAY_SECONDS };
  return [
    ...outside(at(path, "timeoutSeconds"), timeoutSeconds, most),
    ...outside(at(path, "responseStartTimeoutSeconds"), start, day),
    ...outside(at(path, "idleTimeoutSeconds"), idle, day),
  ];
}

function checkAccount(spec: RevisionSpec, path: string): readonly Violation[] {
  const { serviceAccountName: account, imagePullSecrets = [] } = spec;
  const why = account === undefined ? undefined : whyBadName("subdomain", account);
  return [
    ...imagePullSecrets.flatMap(({ name }, index) =>
      name === undefined ? [missing(at(path, "imagePullSecrets", index, "name"))] : [],
    ),
    ...(spec.enableServiceLinks === true
      ? [disallowed(at(path, "enableServiceLinks"), "there are no links here: leave it out")]
      : []),
    ...(spec.automountServiceAccountToken === true
      ? [disallowed(at(path, "automountServiceAccountToken"), "it may be false, or left out")]
      : []),
    ...(why === undefined ? [] : [invalidValue(at(path, "serviceAccountName"), account, why)]),
  ];
}
