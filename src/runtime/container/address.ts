import { join } from "node:path";

/** Where a container engine listens. */
export type EngineAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** One that somebody has named, and that cannot be used. */
export interface UnusableAddress {
  readonly kind: "unusable";
  /** Where it was named and what is wrong with it, in a clause. */
  readonly why: string;
}

/** The port of an engine that says none: Docker's own. */
const PORT = 2375;
const WANT = "want unix:///PATH, or tcp://HOST:PORT of this machine";

/** Reads an address as `DOCKER_HOST` has it. Answers with what is wrong with it, in a clause. */
export function readEngineAddress(text: string): EngineAddress | string {
  const [, scheme, rest = ""] = /^([a-z]+):\/\/(.*)$/.exec(text) ?? [];
  if (scheme === "unix") {
    return rest.startsWith("/") ? { kind: "unix", path: rest } : `${WANT}; a path begins with "/"`;
  }
  if (scheme !== "tcp") return WANT;
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:/\s]+))(?::(\d+))?\/?$/.exec(rest) ?? [];
  const host = bracketed ?? plain;
  const number = Number(port ?? PORT);
  if (host === undefined || number < 1 || number > 65535) return WANT;
  // Instances are told to listen, and are given files, as if they were on this machine.
  if (!isLoopback(host)) return `${WANT}; instances on other machines cannot be reached`;
  return { kind: "tcp", host, port: number };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}

export function textOfAddress(address: EngineAddress): string {
  if (address.kind === "unix") return `unix://${address.path}`;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `tcp://${host}:${address.port}`;
}

export interface Whereabouts {
  readonly uid: number;
  /** The user's home directory. */
  readonly home: string;
  /** `XDG_RUNTIME_DIR`, where it is set. */
  readonly runtimeDirectory: string | undefined;
}

/** Where Docker and Podman listen when nobody says otherwise: the machine's, then the user's. */
export function usualAddresses({ uid, home, runtimeDirectory }: Whereabouts) {
  const own = runtimeDirectory ?? `/run/user/${uid}`;
  const paths = [
    "/var/run/docker.sock",
    join(own, "docker.sock"),
    join(home, ".docker/run/docker.sock"),
    "/run/podman/podman.sock",
    join(own, "podman/podman.sock"),
  ];
  return paths.map((path) => ({ kind: "unix", path }) as const);
}
