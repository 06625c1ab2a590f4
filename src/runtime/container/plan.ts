import type { ImageConfig } from "../../oci/oci.ts";
import { commandOf } from "../command.ts";
import { NotStarted } from "../not_started.ts";
import type { InstanceSpec, Security } from "../runtime.ts";
import type { EngineMount } from "./volumes.ts";

/** What is given to a container by where it runs. */
export interface Surroundings {
  /** Of the image in the engine. */
  readonly image: string;
  readonly network: string;
  /** It is reached by its own address, and needs no port of this machine. */
  readonly isDirect: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly EngineMount[];
  readonly pidsMax: number;
}

/** What the engine keeps of its output until we have taken it. */
const LOG_CONFIG = { Type: "json-file", Config: { "max-size": "4m", "max-file": "2" } };

/** What the engine is told to create. Throws `NotStarted` when there is nothing to run. */
export function planOf(spec: InstanceSpec, image: ImageConfig, around: Surroundings): object {
  const { config = {} } = image;
  const env = { ...variablesOf(config.Env), ...spec.env, PORT: String(spec.port) };
  const [file, ...args] = commandOf(spec, config, env);
  const user = userOf(spec, config.User ?? "");
  return {
    Image: around.image,
    Entrypoint: [file],
    Cmd: args,
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...(spec.workingDir !== undefined && { WorkingDir: spec.workingDir }),
    ...(user !== "" && { User: user }),
    Labels: around.labels,
    ExposedPorts: { [portOf(spec)]: {} },
    // Probes are ours: the image's own would only cost processor time.
    Healthcheck: { Test: ["NONE"] },
    Tty: false,
    OpenStdin: false,
    HostConfig: hostConfigOf(spec, around),
  };
}

/** What the engine calls a port of a container. */
export function portOf({ port }: Pick<InstanceSpec, "port">): string {
  return `${port}/tcp`;
}

function hostConfigOf(spec: InstanceSpec, around: Surroundings): object {
  const { limits, security = {} } = spec;
  const { memoryBytes, cpuMillis } = limits;
  const published = { [portOf(spec)]: [{ HostIp: "127.0.0.1", HostPort: "" }] };
  return {
    ...securityOptionsOf(security),
    NetworkMode: around.network,
    ...(!around.isDirect && { PortBindings: published }),
    // As much swap again would make a limit of twice its size.
    ...(memoryBytes !== undefined && { Memory: memoryBytes, MemorySwap: memoryBytes }),
    ...(cpuMillis !== undefined && { NanoCpus: cpuMillis * 1_000_000 }),
    PidsLimit: around.pidsMax,
    Mounts: around.mounts,
    LogConfig: LOG_CONFIG,
    RestartPolicy: { Name: "no" },
    Privileged: false,
    AutoRemove: false,
  };
}

/** What a container may do less, or more, than usual, in the engine's words. */
export function securityOptionsOf(security: Security): object {
  const options = [
    ...(security.mayGainPrivileges === false ? ["no-new-privileges"] : []),
    ...(security.isSeccompOff === true ? ["seccomp=unconfined"] : []),
  ];
  return {
    ReadonlyRootfs: security.isRootReadOnly === true,
    CapAdd: security.addedCapabilities ?? [],
    CapDrop: security.droppedCapabilities ?? [],
    SecurityOpt: options,
  };
}

/** "uid:gid" as far as it is asked for, or else what the image says. */
export function userOf(
  { user = {}, security = {} }: Pick<InstanceSpec, "user" | "security">,
  image: string,
): string {
  const { uid, gid } = user;
  const [name = "", group] = image.split(":");
  const who = uid === undefined ? name : String(uid);
  if (security.isNeverRoot === true && ["", "0", "root"].includes(who)) {
    const whose = uid === undefined ? "the image's own user is root" : "runAsUser is 0";
    const way = "give another runAsUser, or leave runAsNonRoot out";
    throw new NotStarted(`it must not run as root (runAsNonRoot), and ${whose}: ${way}`);
  }
  if (gid !== undefined) return `${who === "" ? "0" : who}:${gid}`;
  return uid !== undefined || group === undefined ? who : `${who}:${group}`;
}

/** Variables as an image has them: `NAME=value`. */
export function variablesOf(lines: readonly string[] = []): Readonly<Record<string, string>> {
  const pairs = lines.map((line) => {
    const at = line.indexOf("=");
    return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)];
  });
  return Object.fromEntries(pairs);
}
