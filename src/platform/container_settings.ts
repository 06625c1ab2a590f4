import { homedir, userInfo } from "node:os";
import { OciError } from "../oci/oci.ts";
import { readReference } from "../oci/reference.ts";
import {
  type EngineAddress,
  readEngineAddress,
  type UnusableAddress,
  usualAddresses,
} from "../runtime/container/address.ts";

/** Part of the table of settings. */
export const CONTAINER_SETTINGS = [
  {
    flag: "containers",
    variable: "VARVE_CONTAINERS",
    value: "HOW",
    otherwise: "auto",
    meaning:
      "the engine for images that no plain process can run: auto (DOCKER_HOST, or else Docker or " +
      "Podman where they usually listen), off, unix:///PATH or tcp://HOST:PORT of this machine",
  },
  {
    flag: "insecure-registries",
    variable: "VARVE_INSECURE_REGISTRIES",
    value: "HOST[:PORT],…",
    otherwise: "",
    meaning: "registries that are asked over plain HTTP; those of this machine are in any case",
  },
  {
    flag: "base-image",
    variable: "VARVE_BASE_IMAGE",
    value: "IMAGE",
    otherwise: "",
    meaning:
      "the container image that built apps are laid on, such as node:24-slim; without one they " +
      "run as plain processes. The annotation varve.dev/base-image says it for one Service",
  },
] as const;

export interface ContainerConfig {
  /** Where a container engine may be, the first choice first; none where there is to be none. */
  readonly engines: readonly (EngineAddress | UnusableAddress)[];
  /** Registries that speak plain HTTP, besides those of this machine. */
  readonly insecureRegistries: readonly string[];
  /** What built apps are laid on; nothing where they run as plain processes. */
  readonly baseImage: string | undefined;
}

interface Given {
  readonly text: (flag: string) => string;
  readonly wrong: (flag: string, value: string, rule: string) => Error;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function readContainers(given: Given): ContainerConfig {
  return {
    engines: readEngines(given),
    insecureRegistries: readInsecure(given),
    baseImage: readBase(given),
  };
}

function readBase({ text, wrong }: Given): string | undefined {
  const name = text("base-image");
  if (name === "") return undefined;
  try {
    readReference(name);
    return name;
  } catch (thrown) {
    if (!(thrown instanceof OciError)) throw thrown;
    throw wrong("base-image", name, `want the name of an image: ${thrown.message}`);
  }
}

function readEngines({ text, wrong, environment }: Given): ContainerConfig["engines"] {
  const how = text("containers");
  if (how === "off") return [];
  if (how === "auto") return automatic(environment);
  const address = readEngineAddress(how);
  if (typeof address !== "string") return [address];
  throw wrong("containers", how, `want auto, off, or the address of an engine: ${address}`);
}

/** Who has pointed Docker's own tools elsewhere can still run what needs no engine. */
function automatic(environment: Given["environment"]): ContainerConfig["engines"] {
  const { DOCKER_HOST: named = "", XDG_RUNTIME_DIR: runtimeDirectory } = environment;
  if (named === "") {
    return usualAddresses({ uid: userInfo().uid, home: homedir(), runtimeDirectory });
  }
  const address = readEngineAddress(named);
  if (typeof address !== "string") return [address];
  return [{ kind: "unusable", why: `DOCKER_HOST is "${named}": ${address}` }];
}

const HOST = /^(\[[0-9a-f:]+\]|[a-z0-9]([-a-z0-9.]*[a-z0-9])?)(:\d{1,5})?$/;

function readInsecure({ text, wrong }: Given): readonly string[] {
  const hosts = text("insecure-registries").split(",");
  const all = hosts.map((host) => host.trim().toLowerCase()).filter((host) => host !== "");
  for (const host of all) {
    if (HOST.test(host)) continue;
    const rule = "want hosts as image names have them, such as registry.example.com:5000";
    throw wrong("insecure-registries", host, rule);
  }
  return all;
}
