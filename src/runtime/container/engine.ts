import { type Duplex, Readable } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { HttpClient, HttpError, type HttpResponse } from "../../base/http_client.ts";
import { nodeHttp } from "../../base/node_http.ts";
import type { Schema, Value } from "../../base/schema.ts";
import { read } from "../../base/schema_reading.ts";
import { type EngineAddress, textOfAddress } from "./address.ts";

/** Why the engine did not do what it was asked for; the message is the engine's, or about it. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  /** Of HTTP; 0 when there was no answer. */
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** Whether the engine refused with one of these. */
export function isStatus(thrown: unknown, ...statuses: readonly number[]): boolean {
  return thrown instanceof EngineError && statuses.includes(thrown.status);
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Call {
  readonly query?: Query;
  /** Sent as JSON. */
  readonly body?: object;
  /** Sent as it is, a tar archive. */
  readonly archive?: AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
  /** How long it may take; 0 is ever. */
  readonly limitMs?: number;
}

type Method = "GET" | "POST" | "DELETE";

export interface EngineOptions {
  readonly address: EngineAddress;
  readonly clock: Clock;
}

/** An engine at work may take its time over a start. */
const LIMIT_MS = 60_000;
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

/** Speaks the Docker Engine API, which Podman has as well. */
export class Engine implements AsyncDisposable {
  readonly name: string;
  readonly #address: EngineAddress;
  readonly #clock: Clock;
  readonly #http: HttpClient;
  #version: string | undefined;

  constructor({ address, clock }: EngineOptions) {
    const socket = address.kind === "unix" && { socketPath: address.path };
    this.name = textOfAddress(address);
    this.#address = address;
    this.#clock = clock;
    this.#http = new HttpClient({ ...socket, connectTimeoutMs: 3000, idleTimeoutMs: 0 });
  }

  /** Finds out which version of the API it speaks best. To be called first. */
  async ping(limitMs = 5000): Promise<void> {
    const response = await this.#send("GET", "/_ping", { limitMs });
    await response.discard();
    const version = response.headers["api-version"];
    const isEngine = response.status === 200 && version !== undefined;
    if (!isEngine) throw new EngineError(0, `${this.name} does not speak the Docker Engine API`);
    this.#version = version;
  }

  /** Asks for something that has an answer. Throws `EngineError`. */
  async get<S extends Schema>(path: string, schema: S, call: Call = {}): Promise<Value<S>> {
    return await this.#read(schema, await this.#ask("GET", path, call), path);
  }

  async post<S extends Schema>(path: string, schema: S, call: Call = {}): Promise<Value<S>> {
    return await this.#read(schema, await this.#ask("POST", path, call), path);
  }

  /** Asks for something that is not one value. */
  async text(path: string, call: Call = {}): Promise<string> {
    return await (await this.#ask("GET", path, call)).text();
  }

  /** Has something done, and answers with what it says. */
  async act(path: string, call: Call = {}): Promise<string> {
    return await (await this.#ask("POST", path, call)).text();
  }

  async remove(path: string, call: Call = {}): Promise<void> {
    await (await this.#ask("DELETE", path, call)).discard();
  }

  /** Asks for something that goes on. */
  async stream(path: string, call: Call = {}): Promise<AsyncIterable<Uint8Array>> {
    return (await this.#ask("GET", path, { limitMs: 0, ...call })).body;
  }

  /** Takes over the connection of a request, to write to and to read from. */
  hijack(path: string, body: object): Promise<Duplex> {
    const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
    const text = JSON.stringify(body);
    const address = this.#address;
    const to = address.kind === "unix" ? { socketPath: address.path } : address;
    const request = nodeHttp.request({
      ...to,
      method: "POST",
      path: this.#pathOf(path, {}),
      agent: false,
      headers: {
        host: "engine",
        connection: "Upgrade",
        upgrade: "tcp",
        "content-type": "application/json",
        "content-length": Buffer.byteLength(text),
      },
    });
    request.once("upgrade", (_response, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    request.once("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.once("end", () => {
        const said = messageOf(Buffer.concat(chunks).toString());
        reject(new EngineError(response.statusCode ?? 0, said));
      });
    });
    request.once("error", (cause) => {
      reject(new EngineError(0, `${this.name} cannot be reached: ${cause.message}`, { cause }));
    });
    request.end(text);
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]();
  }

  async #ask(method: Method, path: string, call: Call): Promise<HttpResponse> {
    const response = await this.#send(method, path, call);
    if (response.status < 300) return response;
    if (response.status === 304) {
      await response.discard();
      return response;
    }
    throw new EngineError(response.status, messageOf(await response.text()));
  }

  async #send(method: Method, path: string, call: Call): Promise<HttpResponse> {
    const { query = {}, body, archive, signal, limitMs = LIMIT_MS } = call;
    const over = new AbortController();
    const late = new EngineError(0, `${this.name} gives no answer within ${limitMs} ms`);
    using _ = limitMs > 0 ? this.#clock.after(limitMs, () => over.abort(late)) : undefined;
    const signals = [over.signal, ...(signal === undefined ? [] : [signal])];
    const type = archive === undefined ? "application/json" : "application/x-tar";
    const content = archive === undefined ? jsonOf(body) : Readable.from(archive);
    try {
      return await this.#http.send({
        method,
        url: `${this.#origin()}${this.#pathOf(path, query)}`,
        headers: { ...(content !== undefined && { "content-type": type }) },
        ...(content !== undefined && { body: content }),
        ...(limitMs > 0 && { bodyBytesMax: ANSWER_BYTES_MAX }),
        signal: AbortSignal.any(signals),
      });
    } catch (thrown) {
      if (!(thrown instanceof HttpError)) throw thrown;
      const said = thrown.cause instanceof Error ? thrown.cause.message : thrown.message;
      throw new EngineError(0, `${this.name} cannot be reached: ${said}`, { cause: thrown });
    }
  }

  async #read<S extends Schema>(schema: S, response: HttpResponse, path: string) {
    const reading = read(schema, parsed(await response.text()));
    const [problem] = reading.problems;
    if (problem === undefined) return reading.value;
    const where = `${problem.path} ${problem.message}`;
    throw new EngineError(0, `${this.name} answers ${path} in a way that we do not know: ${where}`);
  }

  #origin(): string {
    const address = this.#address;
    if (address.kind === "unix") return "http://engine";
    return textOfAddress(address).replace("tcp:", "http:");
  }

  #pathOf(path: string, query: Query): string {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const search = new URLSearchParams(
      Object.fromEntries(given.map(([name, it]) => [name, String(it)])),
    );
    const version = this.#version === undefined ? "" : `/v${this.#version}`;
    return `${version}${path}${given.length === 0 ? "" : `?${search}`}`;
  }
}

function jsonOf(body: object | undefined): string | undefined {
  return body === undefined ? undefined : JSON.stringify(body);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The engine's words, without those that are about its own parts. */
function messageOf(text: string): string {
  const value = parsed(text);
  const isSaid = typeof value === "object" && value !== null && "message" in value;
  return isSaid ? String(value.message) : text.trim();
}
