import { posix } from "node:path";
import { type Container, TERMINATION_MESSAGE_PATH, type VolumeMount } from "./container.ts";
import type { EnvFrom, EnvVar } from "./env.ts";
import { brief } from "./error.ts";
import { whyBadImage } from "./image.ts";
import { whyBadKey, whyBadName } from "./name.ts";
import { checkProbes, type ProbeCheck } from "./probe_check.ts";
import { readQuantity } from "./quantity.ts";
import {
  at,
  disallowed,
  invalidValue,
  missing,
  notExactlyOne,
  outside,
  type Violation,
  wrong,
} from "./violation.ts";
import type { Volume } from "./volume.ts";
import { checkInside } from "./volume_check.ts";

export interface ContainerCheck extends ProbeCheck {
  /** By name. */
  readonly volumes: ReadonlyMap<string, Volume>;
}

/** What is wrong with one container (spec/elafros §3.6, §4.4). */
export function checkContainer(container: Container, check: ContainerCheck): readonly Violation[] {
  const { path } = check;
  return [
    ...checkName(container, path),
    ...checkImage(container, path),
    ...checkEnv(container.env ?? [], check),
    ...(container.envFrom ?? []).flatMap((one, index) =>
      checkEnvFrom(one, at(path, "envFrom", index)),
    ),
    ...checkPorts(container, path),
    ...checkProbes(container, check),
    ...checkResources(container, path),
    ...checkSecurity(container, path),
    ...checkMounts(container, check),
    ...checkTermination(container, check),
    ...checkPolicies(container, path),
  ];
}

/** A container of a build: it serves nobody, and its name and mounts are checked elsewhere. */
export function checkStepContainer(container: Container, path: string): readonly Violation[] {
  return [
    ...checkImage(container, path),
    ...checkVariables(container.env ?? [], path),
    ...(container.envFrom ?? []).flatMap((one, index) =>
      checkEnvFrom(one, at(path, "envFrom", index)),
    ),
    ...checkResources(container, path),
    ...checkSecurity(container, path),
    ...checkPolicies(container, path),
  ];
}

/** Variables that are nobody's but their author's. */
export function checkVariables(env: readonly EnvVar[], path: string): readonly Violation[] {
  return env.flatMap((one, index) => checkVariable(one, at(path, "env", index)));
}

function checkName({ name = "" }: Container, path: string): readonly Violation[] {
  if (name === "queue-proxy") {
    return [wrong(at(path, "name"), `"${name}" is a reserved container name`)];
  }
  const why = whyBadName("label", name);
  return why === undefined ? [] : [invalidValue(at(path, "name"), name, why)];
}

function checkImage({ image }: Container, path: string): readonly Violation[] {
  if (image === undefined) return [missing(at(path, "image"))];
  const why = whyBadImage(image);
  if (why === undefined) return [];
  const details = `image: "${brief(image)}", error: ${brief(why)}`;
  return [wrong(at(path, "image"), "Failed to parse image reference", details)];
}

const RESERVED_ENV: ReadonlySet<string> = new Set(["K_SERVICE", "K_CONFIGURATION", "K_REVISION"]);

function checkEnv(
  env: readonly EnvVar[],
  { path, isServing }: ContainerCheck,
): readonly Violation[] {
  return env.flatMap((one, index) => {
    const where = at(path, "env", index);
    const { name } = one;
    // Which port a sidecar listens on is its own business.
    if (RESERVED_ENV.has(name) || (isServing && name === "PORT")) {
      return [wrong(at(where, "name"), `"${name}" is a reserved environment variable`)];
    }
    return checkVariable(one, where);
  });
}

function checkVariable(one: EnvVar, where: string): readonly Violation[] {
  const { name, value = "" } = one;
  if (name === "") return [missing(at(where, "name"))];
  const isName = /^[^=\0]*$/.test(name);
  if (!isName) return [invalidValue(at(where, "name"), name, "a name has no '=' and no NUL")];
  if (value.includes("\0")) {
    return [invalidValue(at(where, "value"), `that of "${name}"`, "a value has no NUL")];
  }
  return checkValueFrom(one, where);
}

const REFS = ["configMapKeyRef", "secretKeyRef"] as const;

function checkValueFrom({ value, valueFrom }: EnvVar, path: string): readonly Violation[] {
  if (valueFrom === undefined) return [];
  const where = at(path, "valueFrom");
  if (value !== undefined) return [disallowed(where, "a value is given as well")];
  const given = REFS.filter((ref) => valueFrom[ref] !== undefined);
  return [
    ...notExactlyOne(where, { given, ways: REFS }),
    ...given.flatMap((ref) => [
      ...(valueFrom[ref]?.name === undefined ? [missing(at(where, ref, "name"))] : []),
      ...(valueFrom[ref]?.key === "" ? [missing(at(where, ref, "key"))] : []),
    ]),
  ];
}

const SOURCES = ["configMapRef", "secretRef"] as const;

function checkEnvFrom(envFrom: EnvFrom, path: string): readonly Violation[] {
  const given = SOURCES.filter((source) => envFrom[source] !== undefined);
  const { prefix = "" } = envFrom;
  return [
    ...notExactlyOne(path, { given, ways: SOURCES }),
    ...given
      .filter((source) => envFrom[source]?.name === undefined)
      .map((source) => missing(at(path, source, "name"))),
    ...(/^[^=\0]*$/.test(prefix)
      ? []
      : [invalidValue(at(path, "prefix"), prefix, "a name has no '=' and no NUL")]),
  ];
}

const RESERVED_PORTS: ReadonlySet<number> = new Set([8012, 8013, 8022, 8008, 9090, 9091]);

function checkPorts({ ports = [] }: Container, path: string): readonly Violation[] {
  return ports.flatMap(({ name = "", containerPort, protocol = "TCP" }, index) => {
    const where = at(path, "ports", index);
    const field = at(where, "containerPort");
    const bad: Violation[] = [...outside(field, containerPort, { from: 0, to: 65535 })];
    if (containerPort !== undefined && RESERVED_PORTS.has(containerPort)) {
      bad.push(invalidValue(field, `${containerPort} is a reserved port`));
    }
    if (!["", "http1", "h2c"].includes(name)) {
      const details = "Name must be empty, or one of: 'h2c', 'http1'";
      bad.push(wrong(at(where, "name"), `Port name ${brief(name)} is not allowed`, details));
    }
    if (protocol !== "TCP") {
      bad.push(invalidValue(at(where, "protocol"), protocol, 'want "TCP"'));
    }
    return bad;
  });
}

/** The resources of Kubernetes' own; those of others have a domain before them. */
const RESOURCE = /^(cpu|memory|ephemeral-storage|hugepages-.+|.+\/.+)$/;

function checkResources({ resources = {} }: Container, path: string): readonly Violation[] {
  const { limits = {}, requests = {} } = resources;
  return Object.entries({ limits, requests }).flatMap(([which, quantities]) =>
    Object.entries(quantities).flatMap(([name, quantity]) => {
      const where = at(path, "resources", which, name);
      if (!RESOURCE.test(name) || whyBadKey(name) !== undefined) {
        const details = "want cpu, memory, ephemeral-storage, or a name with its domain";
        return [invalidValue(where, name, details)];
      }
      const value = readQuantity(quantity);
      if (value === undefined || value < 0) {
        return [invalidValue(where, quantity, 'want a quantity, such as "500m" or "256Mi"')];
      }
      const limit = readQuantity(limits[name] ?? "") ?? Infinity;
      if (which === "limits" || value <= limit) return [];
      return [
        invalidValue(where, quantity, `must be less than or equal to the limit ${limits[name]}`),
      ];
    }),
  );
}

function checkSecurity({ securityContext = {} }: Container, path: string): readonly Violation[] {
  const where = at(path, "securityContext");
  const { runAsUser, runAsGroup, runAsNonRoot, privileged, capabilities } = securityContext;
  const range = { from: 0, to: 2_147_483_647 };
  const added = (capabilities?.add ?? []).filter((name) => name !== "NET_BIND_SERVICE");
  const details = `NET_BIND_SERVICE may be added, not ${brief(added.join(", "))}`;
  return [
    ...outside(at(where, "runAsUser"), runAsUser, range),
    ...outside(at(where, "runAsGroup"), runAsGroup, range),
    ...(runAsNonRoot === true && runAsUser === 0
      ? [invalidValue(at(where, "runAsUser"), 0, "runAsNonRoot is true")]
      : []),
    ...(privileged === true
      ? [disallowed(at(where, "privileged"), "it may be false, or left out")]
      : []),
    ...(added.length === 0 ? [] : [disallowed(at(where, "capabilities", "add"), details)]),
  ];
}

const RESERVED_PATHS: ReadonlySet<string> = new Set(["/", "/dev", "/dev/log"]);

function checkMounts({ volumeMounts = [] }: Container, { path, volumes }: ContainerCheck) {
  const seen = new Set<string>();
  return volumeMounts.flatMap((mount, index) => {
    const where = at(path, "volumeMounts", index);
    const clean = cleanPath(mount.mountPath);
    const isFirst = !seen.has(clean) || mount.mountPath === "";
    seen.add(clean);
    const bad = checkMount(mount, { path: where, volume: volumes.get(mount.name) });
    if (isFirst) return bad;
    const double = `"${brief(mount.mountPath)}" must be unique`;
    return [...bad, invalidValue(at(where, "mountPath"), double)];
  });
}

interface MountCheck {
  readonly path: string;
  readonly volume: Volume | undefined;
}

function checkMount(mount: VolumeMount, { path, volume }: MountCheck): readonly Violation[] {
  const { name, mountPath, subPath = "", readOnly = false } = mount;
  const bad: Violation[] = [];
  if (volume === undefined) {
    const details = `there is no volume "${brief(name)}"`;
    bad.push(wrong(at(path, "name"), "volumeMount has no matching volume", details));
  }
  bad.push(...checkMountPath(mountPath, at(path, "mountPath")));
  bad.push(...checkInside(subPath, at(path, "subPath")));
  if (volume !== undefined && volume.emptyDir === undefined && !readOnly) {
    const message = "volume mount should be readOnly for this type of volume";
    bad.push(wrong(at(path, "readOnly"), message, `readOnly of "${brief(name)}" is false`));
  }
  return bad;
}

/** What is wrong with where a volume is to appear. */
export function checkMountPath(mountPath: string, field: string): readonly Violation[] {
  if (mountPath === "") return [missing(field)];
  const clean = cleanPath(mountPath);
  if (RESERVED_PATHS.has(clean)) return [wrong(field, `mountPath "${clean}" is a reserved path`)];
  const isFine = mountPath.startsWith("/") && /^[^:\0]*$/.test(mountPath);
  return isFine ? [] : [invalidValue(field, mountPath, "want an absolute path without ':'")];
}

/** A file is mounted there for each run, so that there must be a place for it. */
export function checkTermination(
  container: Container,
  check: Pick<ContainerCheck, "path" | "volumes">,
): readonly Violation[] {
  const { terminationMessagePath: given = TERMINATION_MESSAGE_PATH } = container;
  const field = at(check.path, "terminationMessagePath");
  const file = cleanPath(given);
  const isPath = given.startsWith("/") && !/(^|\/)\.\.(\/|$)|\0/.test(given);
  if (!isPath || RESERVED_PATHS.has(file) || file === "/tmp") {
    const want = `want the absolute path of a file without ".."`;
    return [invalidValue(field, given, `${want}, such as "${TERMINATION_MESSAGE_PATH}"`)];
  }
  const why = whyNoPlace(file, container, check);
  return why === undefined ? [] : [invalidValue(field, given, why)];
}

/** Why nothing can be mounted at the path of a file, or nothing. */
function whyNoPlace(
  file: string,
  { volumeMounts = [] }: Container,
  { volumes }: Pick<ContainerCheck, "volumes">,
): string | undefined {
  const places = volumeMounts.map((mount) => ({ ...mount, place: cleanPath(mount.mountPath) }));
  const all = places.filter(({ place }) => !RESERVED_PATHS.has(place));
  const hit = all.find(({ place }) => `${place}/`.startsWith(`${file}/`));
  if (hit !== undefined)
    return `the volume "${brief(hit.name)}" is at "${hit.place}": want another`;
  const around = all.filter(({ place }) => file.startsWith(`${place}/`));
  const [nearest] = around.toSorted((a, b) => b.place.length - a.place.length);
  if (nearest === undefined) return undefined;
  const { name, place, readOnly } = nearest;
  const volume = volumes.get(name);
  if (volume === undefined || (volume.emptyDir !== undefined && readOnly !== true))
    return undefined;
  return `the volume "${brief(name)}" can only be read: want a path that is not in "${place}"`;
}

/** Without steps that lead nowhere: "/a//b/../c/" is "/a/c". */
export function cleanPath(path: string): string {
  return posix.normalize(path).replace(/(.)\/$/, "$1");
}

const POLICIES: Readonly<Record<string, readonly string[]>> = {
  imagePullPolicy: ["Always", "IfNotPresent", "Never"],
  terminationMessagePolicy: ["File", "FallbackToLogsOnError"],
};

function checkPolicies(container: Container, path: string): readonly Violation[] {
  const { imagePullPolicy, terminationMessagePolicy } = container;
  const given = { imagePullPolicy, terminationMessagePolicy };
  return Object.entries(given).flatMap(([name, value]) => {
    if (value === undefined || POLICIES[name]?.includes(value)) return [];
    return [invalidValue(at(path, name), value, `want one of ${POLICIES[name]?.join(", ")}`)];
  });
}
