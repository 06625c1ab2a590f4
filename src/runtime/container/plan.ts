import type { ImageConfig } from "../../oci/oci.ts";
import { commandOf } from "../command.ts";
import { NotStarted } from "../not_started.ts";
import type { InstanceSpec, Security } from "../runtime.ts";

/** What is given to a container by where it runs. */
export interface Surroundings {
  /** Of the image in the engine. */
  readonly image: string;
  readonly network: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly object[];
  readonly pidsMax: number;
}

interface InstanceSurroundings extends Surroundings {
  /** It is reached by its own address, and needs no port of this machine. */
  readonly isDirect: boolean;
}

/** What instances and the steps of builds say alike. */
type Asked = Pick<InstanceSpec, "command" | "args" | "env" | "workingDir" | "user" | "security"> & {
  readonly limits: Pick<InstanceSpec["limits"], "memoryBytes" | "cpuMillis" | "cpuShares">;
};

/** What the engine is told to create. Throws `NotStarted` when there is nothing to run. */
export function planOf(
  spec: InstanceSpec,
  image: ImageConfig,
  around: InstanceSurroundings,
): object {
  const port = portOf(spec);
  const env = { ...spec.env, PORT: String(spec.port) };
  const container = containerOf({ ...spec, env }, image, around);
  const published = { [port]: [{ HostIp: "127.0.0.1", HostPort: "" }] };
  return {
    ...container,
    ExposedPorts: { [port]: {} },
    HostConfig: { ...container.HostConfig, ...(!around.isDirect && { PortBindings: published }) },
  };
}

/** The same without a port. Its output is kept by the engine up to some megabytes, twice. */
export function containerOf(
  asked: Asked,
  image: ImageConfig,
  { logMegabytes = 4, ...around }: Surroundings & { readonly logMegabytes?: number },
) {
  const { config = {} } = image;
  const { limits, workingDir, security = {} } = asked;
  const { memoryBytes, cpuMillis, cpuShares } = limits;
  const env = { ...variablesOf(config.Env), ...asked.env };
  const [file, ...args] = commandOf(asked, config, env);
  const user = userOf(asked, config.User ?? "");
  return {
    Image: around.image,
    Entrypoint: [file],
    Cmd: args,
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...(workingDir !== undefined && { WorkingDir: workingDir }),
    ...(user !== "" && { User: user }),
    Labels: around.labels,
    // Probes are ours: the image's own would only cost processor time.
    Healthcheck: { Test: ["NONE"] },
    Tty: false,
    OpenStdin: false,
    HostConfig: {
      ...securityOptionsOf(security),
      NetworkMode: around.network,
      // As much swap again would make a limit of twice its size.
      ...(memoryBytes !== undefined && { Memory: memoryBytes, MemorySwap: memoryBytes }),
      ...(cpuMillis !== undefined && { NanoCpus: cpuMillis * 1_000_000 }),
      ...(cpuShares !== undefined && { CpuShares: cpuShares }),
      PidsLimit: around.pidsMax,
      Mounts: around.mounts,
      LogConfig: {
        Type: "json-file",
        Config: { "max-size": `${logMegabytes}m`, "max-file": "2" },
      },
      RestartPolicy: { Name: "no" },
      Privileged: false,
      AutoRemove: false,
    },
  };
}

/** What the engine calls a port of a container. */
export function portOf({ port }: Pick<InstanceSpec, "port">): string {
  return `${port}/tcp`;
}

/** What a container may do less, or more, than usual, in the engine's words. */
function securityOptionsOf(security: Security): object {
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
function userOf(
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
function variablesOf(lines: readonly string[] = []): Readonly<Record<string, string>> {
  const pairs = lines.map((line) => {
    const at = line.indexOf("=");
    return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)];
  });
  return Object.fromEntries(pairs);
}
