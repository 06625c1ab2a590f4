/** One bound of the data plane that is not a backend's own. */
export interface LimitRow {
  readonly name: string;
  readonly otherwise: number;
  readonly least: number;
  readonly most: number;
  readonly meaning: string;
}

const DAY_MS = 86_400_000;
const ms = { least: 1, most: DAY_MS };
const count = { least: 1, most: 1_000_000 };
const bytes = { least: 1_024, most: 2 ** 40 };

/** What an operator may set, in this order in `docs/operating/gateway.md`. */
const ROWS = {
  headBytesMax: [
    32 * 1024,
    { least: 1_024, most: 1024 * 1024 },
    "bytes of a head: first line and headers, of a request or an answer",
  ],
  headersMax: [
    128,
    { least: 8, most: 10_000 },
    "headers of one request, one answer, or one set of trailers",
  ],
  trailerBytesMax: [
    16 * 1024,
    { least: 64, most: 1024 * 1024 },
    "bytes of the trailers behind a body in chunks",
  ],
  chunkExtensionBytesMax: [
    4 * 1024,
    { least: 0, most: 1024 * 1024 },
    "bytes of all chunk extensions of one body, which go no further",
  ],
  bodyBytesMax: [2 ** 40, bytes, "bytes of the body of one request"],
  connectionsMax: [20_000, count, "open connections per worker; further ones are closed at once"],
  connectionsPerClientMax: [
    4_096,
    count,
    "open connections of one address, or /64 of public IPv6, per worker",
  ],
  requestsPerConnectionMax: [
    1_000_000,
    count,
    "requests on one connection: the last answer says that it is closed",
  ],
  informationsMax: [
    32,
    { least: 0, most: 1_000 },
    "answers ahead of the answer (1xx) that are passed on; after 1000 the instance is cut off",
  ],
  headMs: [
    10_000,
    ms,
    "from the first byte of a request, or from its connection, until its head is whole",
  ],
  // Longer than clients and balancers before us wait (ten minutes at most): whoever closes first
  // must not be us, or the other may just be sending a request there.
  keepAliveMs: [620_000, ms, "a connection without a request is closed after this"],
  bodyIdleMs: [30_000, ms, "a client sends no byte of a body that its instance waits for"],
  writeIdleMs: [60_000, ms, "nothing can be written to a client, because it takes so little"],
  lingerMs: [5_000, ms, "a client may go on sending what nobody reads any more"],
  lastWordMs: [
    1_000,
    ms,
    "a client may take to read why it was refused, before its connection is closed",
  ],
  connectMs: [3_000, ms, "for an instance to accept a connection"],
  // Up to release 1.18 of Knative an answer that had begun was never cut.
  lateMs: [
    0,
    { least: 0, most: DAY_MS },
    "an answer that has begun may go on for so long after timeoutSeconds",
  ],
  downMs: [
    250,
    ms,
    "until an instance that refused a connection is tried again, doubling from there",
  ],
  downMsMax: [5_000, ms, "the longest of these pauses"],
  brokenMax: [5, count, "connections in a row that an instance may break before it is left alone"],
  slowStartMs: [
    2_000,
    { least: 0, most: DAY_MS },
    "a new instance beside others gets its full share only after this; 0: at once",
  ],
  poolIdleMs: [4_000, ms, "an idle connection to an instance is closed after this"],
  poolMax: [256, count, "idle connections kept for one instance"],
  queueMax: [10_000, count, "requests that wait for one revision; further ones are refused"],
  farewellMs: [
    1_000,
    ms,
    "while a worker ends, clients with an idle connection may use it once more",
  ],
  drainMs: [60_000, ms, "for the open requests of a worker that ends"],
  tunnelDrainMs: [
    20_000,
    ms,
    "over which WebSockets and events of an instance, or of a worker, that ends are asked to end",
  ],
  h2StreamsMax: [128, count, "open streams of one connection of HTTP/2"],
  h2FieldsMax: [
    256,
    { least: 8, most: 10_000 },
    "header fields of one stream: a small block can stand for very many",
  ],
  h2WindowBytes: [
    256 * 1024,
    { least: 65_535, most: 2 ** 30 },
    "bytes that a client may send ahead on one stream",
  ],
  h2SessionWindowBytes: [
    1024 * 1024,
    { least: 65_535, most: 2 ** 30 },
    "bytes that a client may send ahead on one connection of HTTP/2",
  ],
  h2SessionMegabytesMax: [
    16,
    { least: 1, most: 10_000 },
    "megabytes that may wait for one client or instance of HTTP/2 that takes nothing",
  ],
  h2ResetsMax: [200, count, "streams that a client may take back at once"],
  h2ResetsPerSecond: [50, count, "streams that a client may take back in a second, beyond those"],
  h2PingsMax: [100, count, "PINGs of a client at once, beyond one for what it was sent"],
  h2PingsPerSecond: [10, count, "PINGs of a client in a second, beyond those"],
  h2SettingsMax: [50, count, "SETTINGS of a client at once"],
  h2SettingsPerSecond: [5, count, "SETTINGS of a client in a second, beyond those"],
  h2IdleFramesMax: [
    1_000,
    count,
    "frames of one connection that ask for nothing, such as PRIORITY, beyond 1 for 4 bytes sent",
  ],
  h2InvalidFramesMax: [
    100,
    count,
    "frames of one connection that mean nothing, such as empty DATA, or that end their stream",
  ],
  h2RejectedStreamsMax: [100, count, "streams refused, of one connection"],
  h2InstanceStreamsMax: [
    100,
    count,
    "streams on one session with an instance; further ones get another session",
  ],
  h2InstanceIdleMs: [
    60_000,
    ms,
    "a session with an instance is closed when it was not used for this",
  ],
} as const satisfies Readonly<Record<string, readonly [number, Bounds, string]>>;

interface Bounds {
  readonly least: number;
  readonly most: number;
}

type Name = keyof typeof ROWS;

export const LIMIT_ROWS: readonly LimitRow[] = Object.entries(ROWS).map(
  ([name, [otherwise, { least, most }, meaning]]) => ({ name, otherwise, least, most, meaning }),
);

/** Bounds between our own processes, which nobody needs to set. */
const FIXED = {
  /** An instance that says more ahead of an answer (1xx) has no answer, and costs others time. */
  informationsReadMax: 1_000,
  /** A waiting backend is told of again after this. */
  tellMs: 1_000,
  /** How often workers tell control what there was to do. */
  loadMs: 1_000,
  /** The same, of revisions that are being compared. */
  comparedMs: 250,
  /** A worker that no control process gave a table to ends itself after this. */
  orphanMs: 30_000,
  /** One line between control process and worker. */
  lineBytesMax: 4 * 1024 * 1024,
  /** One message is cut off when it has grown to this. */
  batchBytes: 128 * 1024,
  /** What may wait for a reader who is slow, before the connection is cut. */
  linkBytesMax: 128 * 1024 * 1024,
  /** A client may take up a session of TLS again for so long; its ticket goes with that. */
  tlsSessionSeconds: 7_200,
  /** What tickets are encrypted with is made anew after this: those before it are worth nothing. */
  tlsTicketsMs: 12 * 3_600_000,
} as const;

type Settable = { -readonly [name in Name]: number };

/** Every bound of the data plane that is not a backend's own, in one place. */
export const LIMITS: Readonly<Settable> & typeof FIXED = {
  ...(Object.fromEntries(LIMIT_ROWS.map((row) => [row.name, row.otherwise])) as Settable),
  ...FIXED,
};

/** Some of them, as an operator has set them. */
export type SetLimits = Readonly<Record<string, number>>;

/** What is wrong with one setting, in words, or nothing. */
export function problemOfLimit(name: string, value: number): string | undefined {
  const row = LIMIT_ROWS.find((one) => one.name === name);
  if (row === undefined) {
    const known = LIMIT_ROWS.map((one) => one.name).join(", ");
    return `there is no limit "${name}": there are ${known}`;
  }
  const { least, most } = row;
  const isRight = Number.isInteger(value) && value >= least && value <= most;
  return isRight ? undefined : `${name} must be a whole number from ${least} to ${most}: ${value}`;
}

/** For the entry of a worker, before anything else is made: there is one data plane a process. */
export function setLimits(limits: SetLimits): void {
  for (const [name, value] of Object.entries(limits)) {
    const problem = problemOfLimit(name, value);
    if (problem !== undefined) throw new Error(`Cannot set a limit of the gateway: ${problem}`);
    (LIMITS as Settable)[name as Name] = value;
  }
}
