import type { PeerSpec } from "./peer_protocol.ts";
import type { BackendSpec, GatewaySettings, Load, RouteSpec, TlsSpec } from "./route_table.ts";

/**
 * What control process and worker say to each other, in lines of JSON over a socket of the worker.
 * Control asks, in this order:
 *
 *     hello ─────────────►         the worker closes on a wrong token
 *           ◄───────────── hello   protocol, address, and the version of its table
 *     read ──────────────►         only by a control process that has just started
 *           ◄─── part… whole       the table as the worker has it
 *     part… commit ──────►         a whole table: what it does not name is dropped at the commit
 *     change ────────────►         or, when the versions agree, only what is new
 *           ◄───────── confirmed   served from now on
 *           ◄──────────── behind   the change was not meant for this version: send all of it
 *
 * A worker opens its port after its first commit, never before: it would refuse what others serve.
 * It serves on from its last table when control is gone, and answers the next one that comes.
 */
export const PROTOCOL = 6;

/**
 * The first protocol in which tables and changes are what they are now. A worker of one since then
 * is replaced without a gap: it is read, and hears of changes until others are in its place.
 */
export const TABLE_SINCE = 5;

export type Change =
  | { readonly putRoute: RouteSpec }
  | { readonly deleteRoute: string }
  | { readonly putBackend: BackendSpec }
  | { readonly deleteBackend: string }
  | { readonly putTls: TlsSpec }
  | { readonly deleteTls: string }
  | { readonly putSettings: GatewaySettings };

/** Of a table. Numbers go up for ever; the epoch tells apart what two control processes made. */
export interface Version {
  readonly epoch: string;
  readonly number: number;
}

export type ToWorker =
  | { readonly type: "hello"; readonly protocol: number; readonly token: string }
  | { readonly type: "read" }
  | { readonly type: "part"; readonly changes: readonly Change[] }
  | { readonly type: "commit"; readonly version: Version; readonly isSettled: boolean }
  | {
      readonly type: "change";
      readonly after: Version;
      readonly version: Version;
      readonly isSettled: boolean;
      readonly changes: readonly Change[];
    }
  | { readonly type: "peers"; readonly self: string; readonly peers: readonly PeerSpec[] }
  | { readonly type: "drained"; readonly ask: number; readonly endpoint: string }
  | { readonly type: "question"; readonly ask: number; readonly question: Question };

/** What a worker can be asked at any time; what it answers with is up to the question. */
export type Question =
  | { readonly about: "tallies" }
  | { readonly about: "request"; readonly request: Asking };

/** A request that nobody has sent, to be told where it would go. */
export interface Asking {
  readonly method: string;
  readonly target: string;
  /** As it would be sent: with a port, a dot at its end, in capitals. */
  readonly host: string;
  readonly client: string;
  readonly isTls: boolean;
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface WorkerHello {
  readonly type: "hello";
  readonly protocol: number;
  readonly host: string;
  /** What it listens on, or should when it does not yet. */
  readonly port: number;
  /** The same for TLS, where there is any. */
  readonly tls?: { readonly host: string; readonly port: number };
  readonly version?: Version;
}

export type ToControl =
  | WorkerHello
  | { readonly type: "part"; readonly changes: readonly Change[] }
  | { readonly type: "whole"; readonly isSettled: boolean }
  | { readonly type: "listening"; readonly port: number; readonly tlsPort?: number }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "confirmed"; readonly version: Version }
  | { readonly type: "behind" }
  | { readonly type: "drained"; readonly ask: number }
  | { readonly type: "reply"; readonly ask: number; readonly reply: unknown }
  | { readonly type: "waiting"; readonly backend: string }
  | { readonly type: "woke"; readonly backend: string; readonly ms: number }
  | { readonly type: "loads"; readonly loads: readonly Load[] };

export function isSameVersion(one: Version | undefined, other: Version | undefined): boolean {
  return one?.epoch === other?.epoch && one?.number === other?.number;
}
