import { homedir, userInfo } from "node:os";
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
] as const;

export interface ContainerConfig {
  /** Where a container engine may be, the first choice first; none where there is to be none. */
  readonly engines: readonly (EngineAddress | UnusableAddress)[];
  /** Registries that speak plain HTTP, besides those of this machine. */
  readonly insecureRegistries: readonly string[];
}

interface Given {
  readonly text: (flag: string) => string;
  readonly wrong: (flag: string, value: string, rule: string) => Error;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function readContainers(given: Given): ContainerConfig {
  return { engines: readEngines(given), insecureRegistries: readInsecure(given) };
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
