/** What one Route asks of the gateway: how the requests to its hosts are shared out. */
export interface RouteSpec {
  /** "default/hello": the namespace and name of the Route. */
  readonly id: string;
  readonly hosts: readonly HostSpec[];
}

export interface HostSpec {
  /** In lower case, without a port: "hello.default.localhost". */
  readonly host: string;
  /** In whole percent; they add up to 100. Shares of 0 may be left out. */
  readonly split: readonly ShareSpec[];
}

export interface ShareSpec {
  /** The id of a backend. */
  readonly backend: string;
  readonly percent: number;
}

/** One Revision, as the gateway sees it: where its instances are, and how to treat them. */
export interface BackendSpec {
  /** "default/hello-00001": the namespace and name of the Revision. */
  readonly id: string;
  /** Those that are ready. None: requests wait for the first. */
  readonly endpoints: readonly EndpointSpec[];
  /** Why there are none, to tell those who waited in vain. */
  readonly why?: string;
  readonly limits: BackendLimits;
}

export interface EndpointSpec {
  /** The name of the instance. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

export interface BackendLimits {
  /** For the whole of an ordinary request, the wait for an instance included (O-2). */
  readonly timeoutMs: number;
  /** Until the first byte of the answer. */
  readonly responseStartTimeoutMs?: number;
  /** Without a byte in either direction; also of upgraded connections. */
  readonly idleTimeoutMs?: number;
  /** Requests that one instance serves at once; 0 is without limit. */
  readonly concurrency: number;
}

/** What one worker had to do for a backend since its last word, about a second ago. They add up. */
export interface Load {
  readonly backend: string;
  /** Of each request the time that it waited or was served: 2,000 in a second are two at a time. */
  readonly busyMs: number;
  /** How many came. */
  readonly requests: number;
}

/**
 * The gateway, as the control process sees it: a table that all workers follow. Changes go out as
 * deltas. A worker that is new or was away is given the whole table first.
 */
export interface Gateway {
  /**
   * Serves a Route, or serves it anew. Resolves when every worker has confirmed it; throws
   * `ServiceUnavailable`, naming the worker, when one has not in time, and `AlreadyExists` when
   * another Route has one of the hosts. Saying the same again costs nothing.
   */
  putRoute(route: RouteSpec): Promise<void>;
  /** Resolves when no worker serves it any more. */
  deleteRoute(id: string): Promise<void>;
  /** As `putRoute`, for the instances of a Revision. */
  putBackend(backend: BackendSpec): Promise<void>;
  deleteBackend(id: string): Promise<void>;
  /**
   * Resolves when no worker has a request open to this instance, or after `deadlineMs`. To be
   * asked after `putBackend` took it out, before it is stopped.
   */
  drained(endpoint: string, deadlineMs: number): Promise<void>;
  /**
   * Calls with the id of a backend when a request begins to wait for it, and again every second
   * while any waits: it has no endpoints, or each is at its limit.
   */
  onWaiting(listener: (backend: string) => void): Disposable;
  /** Calls about once a second with what each worker had to do; not of those with nothing. */
  onLoad(listener: (loads: readonly Load[]) => void): Disposable;
}
