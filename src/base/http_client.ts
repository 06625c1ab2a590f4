import type { Readable } from "node:stream";
import { getCACertificates } from "node:tls";
import type { Agent, Dispatcher } from "undici";

/** Why a request got no answer that we can use: one word for programs. */
export type HttpFailure = "Unreachable" | "TimedOut" | "Redirected" | "TooLarge";

/** A failure of a request. Answers of all kinds, also with status 500, are none. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly reason: HttpFailure;

  constructor(reason: HttpFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

export interface HttpClientOptions {
  /** Certificates in PEM form that are trusted besides those that Node trusts. */
  readonly ca?: readonly string[];
  /** Whom we say that we are, in PEM form. */
  readonly client?: { readonly cert: string; readonly key: string };
  /** A socket of this machine that all is sent to, whatever host an address names. */
  readonly socketPath?: string;
  readonly connectTimeoutMs?: number;
  /** How long to wait for the head of an answer, and between two pieces of a body; 0 is ever. */
  readonly idleTimeoutMs?: number;
}

export interface HttpRequest {
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL | string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | Readable;
  /** How many redirects to follow; only GET and HEAD follow any. */
  readonly redirectsMax?: number;
  /** Whether to follow one, besides the rule that nothing leads from https to http. */
  readonly mayFollow?: (url: URL) => boolean;
  /** The body is cut off with `TooLarge` when there is more. */
  readonly bodyBytesMax?: number;
  readonly signal?: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** By lower-case name; of several values, joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  /** Who answered in the end. */
  readonly url: URL;
  /** To be read to its end, or else given to `discard`. Throws `HttpError`. */
  readonly body: AsyncIterable<Uint8Array>;
  text(): Promise<string>;
  discard(): Promise<void>;
}

const REDIRECTS = [301, 302, 303, 307, 308];
/** What only the one who was asked first may see. */
const SECRETS = ["authorization", "cookie", "proxy-authorization"];

/**
 * Speaks HTTP to others: downloads, registries. Connections are kept and shared.
 * The library behind it takes 30 MB of memory, so it is not loaded before the first request.
 */
export class HttpClient implements AsyncDisposable {
  readonly #options: HttpClientOptions;
  #agent: Promise<Agent> | undefined;

  constructor(options: HttpClientOptions = {}) {
    this.#options = options;
  }

  /** Throws `HttpError`, or the reason of the signal. */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const { method = "GET", redirectsMax = 5 } = request;
    const isRead = method === "GET" || method === "HEAD";
    let url = urlOf(request.url);
    let headers: Readonly<Record<string, string>> = {
      ...loginOf(url),
      ...lowerCase(request.headers ?? {}),
    };
    for (let redirects = 0; ; redirects += 1) {
      const response = await this.#sendOnce({ ...request, method, headers, url });
      const { location } = response.headers;
      const isRedirect = REDIRECTS.includes(response.status) && location !== undefined;
      if (!isRedirect || !isRead) return response;
      await response.discard();
      if (redirects === redirectsMax) throw redirected(url, `more than ${redirectsMax} times`);
      const next = followed(url, location, request);
      if (next.origin !== url.origin) headers = without(headers, SECRETS);
      url = next;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const agent = await this.#agent;
    this.#agent = undefined;
    await agent?.destroy();
  }

  async #sendOnce(request: HttpRequest & { readonly url: URL }): Promise<HttpResponse> {
    const { method = "GET", url, headers = {}, body, signal } = request;
    signal?.throwIfAborted();
    this.#agent ??= this.#makeAgent();
    const agent = await this.#agent;
    const options = { method, path: `${url.pathname}${url.search}`, origin: url.origin };
    try {
      const answer = await agent.request({
        ...options,
        headers: { "user-agent": "varve", ...headers },
        ...(body !== undefined && { body }),
        ...(signal !== undefined && { signal }),
      });
      return responseOf(answer, request);
    } catch (thrown) {
      throw failureOf(thrown, request);
    }
  }

  async #makeAgent(): Promise<Agent> {
    const { Agent } = await import("undici");
    const { ca, client, socketPath, connectTimeoutMs = 10_000 } = this.#options;
    const { idleTimeoutMs = 60_000 } = this.#options;
    const trusted = ca !== undefined && { ca: [...getCACertificates("default"), ...ca] };
    return new Agent({
      connect: {
        timeout: connectTimeoutMs,
        ...trusted,
        ...client,
        ...(socketPath !== undefined && { socketPath }),
      },
      headersTimeout: idleTimeoutMs,
      bodyTimeout: idleTimeoutMs,
    });
  }
}

function responseOf(
  { statusCode, headers, body }: Dispatcher.ResponseData,
  request: HttpRequest & { readonly url: URL },
): HttpResponse {
  const plain = Object.entries(headers).flatMap(([name, value = ""]) => [
    [name, Array.isArray(value) ? value.join(", ") : value],
  ]);
  const bounded = boundedBody(body, request);
  return {
    status: statusCode,
    headers: Object.fromEntries(plain),
    url: request.url,
    body: bounded,
    text: async () => Buffer.concat(await Array.fromAsync(bounded)).toString(),
    discard: async () => {
      await body.dump({ limit: 16 * 1024 }).catch(() => {});
    },
  };
}

async function* boundedBody(
  body: AsyncIterable<Buffer>,
  request: HttpRequest & { readonly url: URL },
): AsyncGenerator<Uint8Array> {
  const { bodyBytesMax = Infinity, url } = request;
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > bodyBytesMax) {
        throw new HttpError("TooLarge", `${at(url)} sent more than ${bodyBytesMax} bytes`);
      }
      yield chunk;
    }
  } catch (thrown) {
    throw failureOf(thrown, request);
  }
}

function followed(from: URL, location: string, { mayFollow }: HttpRequest): URL {
  const next = URL.parse(location, from.href);
  if (next === null || !/^https?:$/.test(next.protocol)) throw redirected(from, `to "${location}"`);
  if (from.protocol === "https:" && next.protocol === "http:") {
    throw redirected(from, `to ${at(next)}, which is not encrypted`);
  }
  if (mayFollow?.(next) === false) throw redirected(from, `to ${at(next)}, which is not allowed`);
  return next;
}

function urlOf(given: URL | string): URL {
  const url = URL.parse(String(given));
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new HttpError("Unreachable", `"${given}" is no address of http or https`);
}

/** The name and password that stand in an address. */
function loginOf({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === "" && password === "") return {};
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(login).toString("base64")}` };
}

const TIMEOUTS = ["UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"];

function failureOf(thrown: unknown, { url, signal }: HttpRequest & { readonly url: URL }): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (thrown instanceof HttpError || !(thrown instanceof Error)) return thrown;
  const code = "code" in thrown ? String(thrown.code) : "";
  const options = { cause: thrown };
  if (TIMEOUTS.includes(code)) {
    return new HttpError(
      "TimedOut",
      `${at(url)} did not answer in time: ${thrown.message}`,
      options,
    );
  }
  const message = `${at(url)} cannot be reached: ${wordsOf(thrown)}`;
  return new HttpError("Unreachable", message, options);
}

/** Where several addresses were tried, each failure is told, as the sum of them has no words. */
function wordsOf(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map(wordsOf).join("; ");
  return error.message;
}

function redirected(from: URL, where: string): HttpError {
  return new HttpError("Redirected", `${at(from)} redirects ${where}`);
}

/** An address as it may be shown: without a password, and without what may be a token. */
function at({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

function lowerCase(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([k, v]) => [k.toLowerCase(), v]));
}

function without(headers: Readonly<Record<string, string>>, names: readonly string[]) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}
