import type { ObjectSchema } from "../base/schema.ts";
import { type Container, DEFAULT_PORT, type Resources, servingContainer } from "./container.ts";
import { normal } from "./normal.ts";
import type { Probe } from "./probe.ts";
import { normalQuantity } from "./quantity.ts";
import { type RevisionSpec, revisionSpec } from "./revision_spec.ts";
import type { Volume } from "./volume.ts";

/** How long an ordinary request may take when the template does not say. */
export const TIMEOUT_SECONDS_DEFAULT = 300;

const SHAPE: ObjectSchema = revisionSpec;

/** A spec in its normal form: two that ask for the same look the same. */
export function normalSpec(sent: RevisionSpec): RevisionSpec {
  const spec = normal(sent, SHAPE);
  const { containers, volumes } = spec;
  return {
    ...spec,
    ...(containers !== undefined && { containers: containers.map(withQuantities) }),
    ...(volumes !== undefined && { volumes: volumes.map(withSize) }),
  };
}

function withQuantities(one: Container): Container {
  const { resources } = one;
  if (resources === undefined) return one;
  const lists = Object.entries(resources).map(([which, quantities]) => {
    const list = Object.entries(quantities).map(([name, it]) => [name, normalQuantity(it)]);
    return [which, Object.fromEntries(list)];
  });
  return { ...one, resources: Object.fromEntries(lists) as Resources };
}

function withSize(volume: Volume): Volume {
  const { emptyDir } = volume;
  if (emptyDir?.sizeLimit === undefined) return volume;
  return { ...volume, emptyDir: { ...emptyDir, sizeLimit: normalQuantity(emptyDir.sizeLimit) } };
}

/**
 * A spec in its normal form with all that was left out filled in (spec/elafros §4.3). `image` is
 * that of the container which is sent requests, when it says none.
 */
export function withSpecDefaults(spec: RevisionSpec, image?: string): RevisionSpec {
  const { timeoutSeconds: limit = TIMEOUT_SECONDS_DEFAULT, containers, ...rest } = spec;
  const filled = {
    containerConcurrency: 0,
    enableServiceLinks: false,
    ...withResponseStart(rest, limit),
    timeoutSeconds: limit,
  };
  if (containers === undefined) return filled;
  const volumes = new Map((spec.volumes ?? []).map((volume) => [volume.name, volume]));
  const serving = servingContainer(containers);
  const names = namesFor(containers);
  const all = containers.map((one, index) => {
    const mounted = withMountDefaults({ name: names[index] ?? "", ...one }, volumes);
    return withProbesFilled(one === serving ? withServingDefaults(mounted, image) : mounted);
  });
  return { containers: all, ...filled };
}

/** Zero is no limit, and so is to say nothing, unless the whole may take long. */
function withResponseStart(spec: RevisionSpec, limit: number): RevisionSpec {
  const { responseStartTimeoutSeconds: start, ...rest } = spec;
  const isLong = limit > TIMEOUT_SECONDS_DEFAULT;
  if (!isLong) return start === 0 ? rest : spec;
  return { ...spec, responseStartTimeoutSeconds: start ?? TIMEOUT_SECONDS_DEFAULT };
}

/** What each is called: what it says, or else a name that no other has. */
function namesFor(containers: readonly Container[]): readonly string[] {
  const taken = new Set(containers.map(({ name }) => name));
  let next = 0;
  return containers.map(({ name }, index) => {
    if (name !== undefined) return name;
    next = Math.max(next, index);
    let made = next === 0 ? "user-container" : `user-container-${next}`;
    while (taken.has(made)) {
      next += 1;
      made = `user-container-${next}`;
    }
    taken.add(made);
    return made;
  });
}

function withServingDefaults(one: Container, image: string | undefined): Container {
  const { readinessProbe = {}, ports = [{}] } = one;
  const { httpGet, tcpSocket, exec, grpc } = readinessProbe;
  const isSaid = [httpGet, tcpSocket, exec, grpc].some((way) => way !== undefined);
  const way = isSaid ? {} : { tcpSocket: {} };
  return {
    ...(image !== undefined && { image }),
    ...one,
    ports: ports.map((port) => ({ containerPort: DEFAULT_PORT, protocol: "TCP", ...port })),
    readinessProbe: { successThreshold: 1, ...readinessProbe, ...way },
  };
}

function withProbesFilled(one: Container): Container {
  const { readinessProbe: ready, livenessProbe: live, startupProbe: start } = one;
  return {
    ...one,
    ...(ready !== undefined && { readinessProbe: filled(ready) }),
    ...(live !== undefined && { livenessProbe: filled(live) }),
    ...(start !== undefined && { startupProbe: filled(start) }),
  };
}

function filled(probe: Probe): Probe {
  if (probe.periodSeconds === undefined) return probe;
  return { failureThreshold: 3, timeoutSeconds: 1, ...probe };
}

/** All volumes but an emptyDir are read-only. */
function withMountDefaults(one: Container, volumes: ReadonlyMap<string, Volume>): Container {
  if (one.volumeMounts === undefined) return one;
  const volumeMounts = one.volumeMounts.map((mount) => {
    const volume = volumes.get(mount.name);
    const { readOnly, ...said } = mount;
    if (volume?.emptyDir !== undefined) return readOnly === true ? mount : said;
    return volume === undefined ? mount : { readOnly: true, ...mount };
  });
  return { ...one, volumeMounts };
}
