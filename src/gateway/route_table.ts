import type { Guards, Match } from "../api/traffic_policy_schema.ts";
import type { Thawing } from "../base/thawing.ts";

/** What one Route asks of the gateway: how the requests to its hosts are shared out. */
export interface RouteSpec {
  /** "default/hello": the namespace and name of the Route. */
  readonly id: string;
  readonly hosts: readonly HostSpec[];
  /** Who is sent elsewhere than the split says; not on the hosts of tags. */
  readonly steering?: SteeringSpec;
  /** What requests must pass, on every host. */
  readonly guards?: Guards;
  /** Backends of which it shall be told several times a second what became of their requests. */
  readonly compared?: readonly string[];
}

export interface HostSpec {
  /** In lower case, without a port: "hello.default.localhost"; or "*.example.com". */
  readonly host: string;
  /** They add up to 100. Shares of 0 may be left out. */
  readonly split: readonly ShareSpec[];
  readonly https?: HttpsSpec;
  /** The host of one tag: nothing but the split says where its requests go. */
  readonly isTag?: boolean;
  /**
   * How good a claim to the host is: the least in order of text takes it from any other. Without
   * one it is the Route's own, which nobody takes.
   */
  readonly claim?: string;
}

/** What is said to clients of a host about TLS. */
export interface HttpsSpec {
  /** Plain HTTP is answered with the way to this port, and with nothing else. */
  readonly redirectPort?: number;
  /** Strict-Transport-Security, for so long, over TLS. */
  readonly hstsSeconds?: number;
}

export interface ShareSpec {
  /** The id of a backend. */
  readonly backend: string;
  /** In steps of a tenth. */
  readonly percent: number;
}

/** What decides before the split does, in this order. All but rules and stickiness is by name. */
export interface SteeringSpec {
  /** The backends of revisions that clients may name in `Varve-Revision`, by that name. */
  readonly override?: Readonly<Record<string, string>>;
  /** The backends of tags, for `Knative-Serving-Tag` (spec/elafros §4.8). */
  readonly tags?: Readonly<Record<string, string>>;
  /** The first that matches decides. */
  readonly rules?: readonly RuleSpec[];
  readonly sticky?: StickySpec;
  readonly mirrors?: readonly ShareSpec[];
}

/** Requests that match go by a split of their own. */
export interface RuleSpec {
  /** For `varve explain`, logs and people. */
  readonly name: string;
  readonly match: Match;
  readonly split: readonly ShareSpec[];
  /** Put in the place of the path prefix that matched. */
  readonly rewritePrefix?: string;
}

/** Sends the same key to the same revision, at the shares of `intervals`. */
export interface StickySpec {
  readonly by: "header" | "cookie" | "client" | "claim";
  /** Of the header, cookie or claim. */
  readonly name?: string;
  /** Who has no such cookie is given one. */
  readonly isIssued?: boolean;
  /** Together they are the points from 0 to 999: who is hashed there goes where. */
  readonly intervals: readonly Interval[];
}

/** All points there are: the resolution of shares. */
export const POINTS = 1000;

export interface Interval {
  readonly backend: string;
  readonly from: number;
  /** How many thousandths of all keys. */
  readonly length: number;
}

/** What holds for all hosts of a gateway. It travels with the table, so workers need no restart. */
export interface GatewaySettings {
  /** In CIDR notation: proxies whose `X-Forwarded-…` headers are believed. */
  readonly trustedProxies?: readonly string[];
  readonly accessLog?: AccessLogSettings;
  readonly tracing?: TracingSettings;
}

export interface AccessLogSettings {
  /** From 0 to 1: the share of requests that are written down. Failures are in any case. */
  readonly sample: number;
}

export interface TracingSettings {
  /** Where spans go by OTLP over HTTP, as JSON: "http://127.0.0.1:4318/v1/traces". */
  readonly endpoint: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** From 0 to 1: of the requests that bring no decision of their own. */
  readonly sample: number;
}

/** One Revision, as the gateway sees it: where its instances are, and how to treat them. */
export interface BackendSpec {
  /** "default/hello-00001": the namespace and name of the Revision. */
  readonly id: string;
  /** Those that are ready. None: requests wait for the first. */
  readonly endpoints: readonly EndpointSpec[];
  /** Those that are frozen, and that the next request may thaw. */
  readonly frozen?: readonly FrozenSpec[];
  /** Why there are none, to tell those who waited in vain. */
  readonly why?: string;
  /** What its instances speak: HTTP/1.1 when left out, or HTTP/2 without being asked first. */
  readonly protocol?: "h2c";
  readonly limits: BackendLimits;
}

export interface EndpointSpec {
  /** The name of the instance. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** An instance that would serve, if it had a processor. */
export interface FrozenSpec extends EndpointSpec {
  readonly thaw: Thawing;
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
  /** Only of a backend that a route has compared. */
  readonly outcomes?: Outcomes;
}

/** What became of requests since the last word. They add up, but for what is open. */
export interface Outcomes {
  readonly arrived: number;
  readonly ended: number;
  /** Answered with 500 and above, by the instance or for it, or cut off. */
  readonly failed: number;
  /** How long they took: a class of `base/durations.ts`, how many, and so on. */
  readonly durations: readonly number[];
}

/** What TLS needs beside the routes, each under an id of its own. None of it is ever logged. */
export type TlsSpec = CertificateSpec | AlpnAnswerSpec | HttpAnswerSpec | TicketsSpec;

/** A certificate for the hosts that it names, as PEM: first its own, then its issuers'. */
export interface CertificateSpec {
  readonly is: "certificate";
  readonly id: string;
  readonly cert: string;
  readonly key: string;
  /** Only for hosts of Routes in this namespace, and for hosts of none. */
  readonly namespace?: string;
  /** Of our own authority: gives way to any other that is good for a host. */
  readonly isOwn?: boolean;
}

/** How one who issues certificates is told over TLS that a host is ours (RFC 8737). */
export interface AlpnAnswerSpec {
  readonly is: "alpn";
  readonly id: string;
  readonly host: string;
  readonly cert: string;
  readonly key: string;
}

/** The same over HTTP (RFC 8555, 8.3). */
export interface HttpAnswerSpec {
  readonly is: "http";
  readonly id: string;
  readonly host: string;
  readonly token: string;
  readonly answer: string;
}

/** What workers encrypt sessions with, so that one takes up what another began. */
export interface TicketsSpec {
  readonly is: "tickets";
  readonly id: "tickets";
  readonly secret: string;
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
   * As `putRoute`, for what TLS needs. Connections that are open go on with what they began with;
   * throws `Invalid` when a certificate cannot be read or its key is another's.
   */
  putTls(spec: TlsSpec): Promise<void>;
  deleteTls(id: string): Promise<void>;
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
  /**
   * Calls with the id of a backend when a request has come that thawed what is `frozen` of it, and
   * how long that took. It serves, and is to be put as an endpoint.
   */
  onWoken(listener: (backend: string, ms: number) => void): Disposable;
  /** Calls about once a second with what each worker had to do; not of those with nothing. */
  onLoad(listener: (loads: readonly Load[]) => void): Disposable;
}
