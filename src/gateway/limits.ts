/** Every bound of the data plane that is not a backend's own, in one place. */
export const LIMITS = {
  /** All headers of one request, or of one answer, with its first line. */
  headBytesMax: 32 * 1024,
  /** From the first byte of a request until its headers are complete. */
  headMs: 10_000,
  /** How often connections are looked over for that. */
  headCheckMs: 2_000,
  /** Open connections per worker; further ones are closed at once. */
  connectionsMax: 20_000,
  /** A connection without a request is closed after this. */
  keepAliveMs: 60_000,
  /** Requests that wait for one backend; further ones are refused. */
  queueMax: 10_000,
  /** A waiting backend is told of again after this. */
  tellMs: 1_000,
  /** How often workers tell control what there was to do. */
  loadMs: 1_000,
  /** For an instance to accept a connection. */
  connectMs: 3_000,
  /** An instance that refused a connection is left alone for this. */
  downMs: 250,
  /** Below the five seconds after which many servers close what is idle. */
  poolIdleMs: 4_000,
  /** Idle connections kept for one instance. */
  poolMax: 256,
  /** How long a client may go on sending what nobody reads any more. */
  lingerMs: 5_000,
  /** While a worker ends, clients with an idle connection may still use it once for this. */
  farewellMs: 1_000,
  /** For the open requests of a worker that ends. */
  drainMs: 60_000,
  /** A worker that no control process gave a table to ends itself after this. */
  orphanMs: 30_000,
  /** One line between control process and worker. */
  lineBytesMax: 4 * 1024 * 1024,
  /** One message is cut off when it has grown to this. */
  batchBytes: 128 * 1024,
  /** What may wait for a reader who is slow, before the connection is cut. */
  linkBytesMax: 128 * 1024 * 1024,
  /** Open streams of one connection of HTTP/2. */
  h2StreamsMax: 128,
  /** Header fields of one stream: a small block can stand for very many. */
  h2FieldsMax: 256,
  /** What a client may send ahead on one stream, and on one connection. */
  h2WindowBytes: 256 * 1024,
  h2SessionWindowBytes: 1024 * 1024,
  /** What Node may hold for one connection of HTTP/2; its unit is this. */
  h2SessionMegabytesMax: 16,
  /** Streams that a client takes back, PINGs and SETTINGS: so many at once, and then a second. */
  h2ResetsMax: 200,
  h2ResetsPerSecond: 50,
  h2PingsMax: 100,
  h2PingsPerSecond: 10,
  h2SettingsMax: 50,
  h2SettingsPerSecond: 5,
  /** Frames that mean nothing, such as empty DATA, and streams refused, of one connection. */
  h2InvalidFramesMax: 100,
  h2RejectedStreamsMax: 100,
  /** Streams on one session with an instance; further ones get another session. */
  h2InstanceStreamsMax: 100,
  /** A session with an instance is closed when it was not used for this. */
  h2InstanceIdleMs: 60_000,
} as const;
