import { type Container, servingContainer } from "./container.ts";
import { checkContainer } from "./container_check.ts";
import { whyBadName } from "./name.ts";
import {
  CONCURRENCY_KEY,
  DAY_SECONDS,
  DEFAULTS_CONFIG,
  MOST,
  REVISION_LIMITS,
  TIMEOUT_KEY,
} from "./revision_limits.ts";
import type { RevisionSpec } from "./revision_spec.ts";
import {
  at,
  disallowed,
  invalidValue,
  missing,
  outside,
  together,
  type Violation,
  wrong,
} from "./violation.ts";
import { checkVolumes } from "./volume_check.ts";

/** What is wrong with what shall run (spec/elafros §4.4). `path` is where it stands. */
export function checkRevisionSpec(
  spec: RevisionSpec,
  path: string,
  limits = REVISION_LIMITS,
): readonly Violation[] {
  const { timeoutSecondsMax, concurrencyMax } = limits;
  return [
    ...checkContainers(spec, path),
    ...checkVolumes(spec, path),
    ...within(spec.timeoutSeconds, {
      ...{ field: at(path, "timeoutSeconds"), to: timeoutSecondsMax },
      ...{ most: MOST.timeoutSecondsMax, key: TIMEOUT_KEY },
    }),
    ...checkTimes(spec, path),
    ...within(spec.containerConcurrency, {
      ...{ field: at(path, "containerConcurrency"), to: concurrencyMax },
      ...{ most: MOST.concurrencyMax, key: CONCURRENCY_KEY },
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

interface Bound {
  readonly field: string;
  readonly to: number;
  /** What an operator may set it to, and by which key. */
  readonly most: number;
  readonly key: string;
}

function within(value: number | undefined, bound: Bound): readonly Violation[] {
  const { field, to, most, key } = bound;
  const { namespace, name } = DEFAULTS_CONFIG;
  const way = `an operator may allow more: ${key} in ConfigMap "${name}" of "${namespace}"`;
  const isMore = value !== undefined && value > to && to < most;
  return outside(field, value, { from: 0, to }).map((it) =>
    isMore ? { ...it, details: way } : it,
  );
}

function checkTimes(spec: RevisionSpec, path: string): readonly Violation[] {
  const { responseStartTimeoutSeconds: start, idleTimeoutSeconds: idle } = spec;
  const day = { from: 0, to: DAY_SECONDS };
  return [
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
