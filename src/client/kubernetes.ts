import type { Readable } from "node:stream";
import { ApiError, isReason } from "../api/error.ts";
import type { Kind } from "../api/kind.ts";
import { kindOf } from "../api/kinds.ts";
import type { Draft, ObjectKey, Resource, TypeMeta } from "../api/meta.ts";
import { TOKEN_REQUEST, type TokenRequest } from "../api/review.ts";
import { SERVICE_ACCOUNT } from "../api/service_account.ts";
import type { Status } from "../api/status.ts";
import { assert } from "../base/assert.ts";
import { type Backoff, delayMs } from "../base/backoff.ts";
import { type Chance, systemChance } from "../base/chance.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { HttpClient, HttpError, type HttpRequest, type HttpResponse } from "../base/http_client.ts";
import type {
  CallOptions,
  Client,
  DeleteOptions,
  ListOptions,
  PatchOptions,
  WatchEvent,
  WatchOptions,
} from "./client.ts";
import type { Connection } from "./kubeconfig.ts";
import { linesOf } from "./lines.ts";
import { errorFrom, errorOf, jsonOf, pathTo, queryOf, warningsIn } from "./wire.ts";

export interface KubernetesDeps {
  readonly clock?: Clock;
  readonly chance?: Chance;
  /** What the server says beside its answers, such as that it does not know a field. */
  readonly onWarning?: (message: string) => void;
  /** Called when a watch has lost the server, each time before it tries again. */
  readonly onLost?: (error: ApiError) => void;
}

/** What this client can do with a write besides writing. */
export interface WriteOptions extends CallOptions {
  /** Have it checked and answered, and not stored. */
  readonly isDryRun?: boolean;
}

interface SendOptions extends CallOptions {
  readonly body?: object;
}

export interface PodLogOptions extends CallOptions {
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly tailLines?: number;
  readonly sinceSeconds?: number;
  /** RFC 3339. */
  readonly sinceTime?: string;
  readonly timestamps?: boolean;
}

/** What a server prints of resources: Kubernetes' `meta.k8s.io/v1` Table. */
export interface Table {
  readonly columnDefinitions: readonly TableColumn[];
  readonly rows: readonly TableRow[];
}

export interface TableColumn {
  readonly name: string;
  /** 0 is always shown, more only on request. */
  readonly priority: number;
}

export interface TableRow {
  readonly cells: readonly (string | number | boolean | null)[];
  /** Of the resource, apiVersion, kind and metadata, or all of it. */
  readonly object: Resource;
}

const PATCH_TYPES = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
  strategic: "application/strategic-merge-patch+json",
} as const;
const AS_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io";

/** How long an ordinary answer may keep us waiting without a byte. */
const ANSWER_MS_MAX = 60_000;
const AGAIN: Backoff = { firstMs: 100, mostMs: 5000 };

/** A `Client` over HTTP: of our own server, or of any Kubernetes API that has our kinds. */
export class KubernetesClient implements Client, AsyncDisposable {
  readonly #connection: Connection;
  readonly #deps: KubernetesDeps;
  readonly #http: HttpClient;
  /** For what may be silent as long as nothing happens: watches and logs. */
  readonly #streams: HttpClient;

  constructor(connection: Connection, deps: KubernetesDeps = {}) {
    this.#connection = connection;
    this.#deps = deps;
    const { authority, client } = connection;
    const trust = authority === undefined ? {} : { ca: [authority] };
    const who = client === undefined ? {} : { client };
    this.#http = new HttpClient({ idleTimeoutMs: ANSWER_MS_MAX, ...trust, ...who });
    this.#streams = new HttpClient({ idleTimeoutMs: 0, ...trust, ...who });
  }

  async get<R extends Resource>(kind: Kind<R>, key: ObjectKey, options: CallOptions = {}) {
    return await this.#json<R>({ url: pathTo(kind, key), ...options });
  }

  async list<R extends Resource>(kind: Kind<R>, options: ListOptions = {}) {
    const list = await this.#json<{
      readonly metadata: { readonly resourceVersion: string };
      readonly items: readonly R[] | null;
    }>({ url: selected(kind, options), ...signalOf(options) });
    const { apiVersion, kind: name } = kind;
    // Of its own kinds, Kubernetes leaves out in a list what the list says already.
    const items = (list.items ?? []).map((item) => ({ ...item, apiVersion, kind: name }));
    return { items, resourceVersion: list.metadata.resourceVersion };
  }

  async *watch<R extends Resource>(
    kind: Kind<R>,
    options: WatchOptions = {},
  ): AsyncIterable<WatchEvent<R>> {
    let { resourceVersion } = options;
    if (resourceVersion === undefined) {
      const listing = await this.#listToWatch(kind, options);
      if (listing === undefined) return;
      for (const object of listing.items) yield { type: "ADDED", object };
      resourceVersion = listing.resourceVersion;
    }
    for await (const { type, object } of this.#events<R>(kind, { ...options, resourceVersion })) {
      yield { type, object };
    }
  }

  async create<R extends Resource>(draft: Draft<R>, options: WriteOptions = {}): Promise<R> {
    const { namespace } = draft.metadata;
    const url = `${pathTo(mustKind(draft), { namespace })}${dryRunOf(options)}`;
    return await this.#json<R>({ method: "POST", url, ...jsonOf(draft), ...signalOf(options) });
  }

  async put<R extends Resource>(resource: R, options: WriteOptions = {}): Promise<R> {
    const url = `${pathTo(mustKind(resource), resource.metadata)}${dryRunOf(options)}`;
    return await this.#json<R>({ method: "PUT", url, ...jsonOf(resource), ...signalOf(options) });
  }

  async putStatus<R extends Resource>(resource: R, options: CallOptions = {}): Promise<R> {
    const url = `${pathTo(mustKind(resource), resource.metadata)}/status`;
    return await this.#json<R>({ method: "PUT", url, ...jsonOf(resource), ...signalOf(options) });
  }

  async patch<R extends Resource>(
    { kind, key }: { readonly kind: Kind<R>; readonly key: ObjectKey },
    patch: unknown,
    { type = "merge", ...options }: PatchOptions & WriteOptions = {},
  ): Promise<R> {
    const url = `${pathTo(kind, key)}${dryRunOf(options)}`;
    const body = jsonOf(patch, PATCH_TYPES[type]);
    return await this.#json<R>({ method: "PATCH", url, ...body, ...signalOf(options) });
  }

  async delete(resource: Resource, options: DeleteOptions & WriteOptions = {}): Promise<void> {
    const { propagation: propagationPolicy } = options;
    const preconditions = { uid: resource.metadata.uid };
    const body = jsonOf({ preconditions, ...(propagationPolicy && { propagationPolicy }) });
    const url = `${pathTo(mustKind(resource), resource.metadata)}${dryRunOf(options)}`;
    try {
      await this.#json({ method: "DELETE", url, ...body, ...signalOf(options) });
    } catch (thrown) {
      // Gone already, or another one of its name: what was meant is not there any more.
      if (!isReason(thrown, "NotFound") && !isReason(thrown, "Conflict")) throw thrown;
    }
  }

  async createToken(account: ObjectKey, spec: TokenRequest["spec"], options: CallOptions = {}) {
    const url = `${pathTo(SERVICE_ACCOUNT, account)}/token`;
    const body = { apiVersion: TOKEN_REQUEST.apiVersion, kind: TOKEN_REQUEST.kind, spec };
    return await this.send<TokenRequest>("POST", url, { body, ...options });
  }

  /** What the server prints of one resource, when it is named, or of all that are selected. */
  async table(
    kind: Kind,
    { name, ...options }: ListOptions & Partial<ObjectKey> = {},
  ): Promise<Table & { readonly resourceVersion: string }> {
    const { namespace } = options;
    const whole = { includeObject: "Object" };
    const all = selected(kind, options, whole);
    const url = name === undefined ? all : `${pathTo(kind, { namespace, name })}${queryOf(whole)}`;
    const headers = { accept: AS_TABLE };
    const table = await this.#json<
      Table & { readonly metadata: { readonly resourceVersion: string } }
    >({ url, headers, ...signalOf(options) });
    return { ...table, resourceVersion: table.metadata.resourceVersion };
  }

  /** What a Pod wrote, line by line, as `kubectl logs` shows it. Throws `NotFound`. */
  async *podLog(key: ObjectKey, options: PodLogOptions = {}): AsyncIterable<string> {
    const { signal: _, ...asked } = options;
    const url = `${podPath(key)}/log${queryOf(asked)}`;
    try {
      const response = await this.#send({ url, ...signalOf(options) }, this.#streams);
      yield* linesOf(response.body);
    } catch (thrown) {
      if (options.signal?.aborted !== true) throw this.#lost(thrown);
    }
  }

  /** Whether an archive with this digest was uploaded before. */
  async hasUpload(namespace: string, digest: string, options: CallOptions = {}): Promise<boolean> {
    const url = uploadPath(namespace, digest);
    const response = await this.#answer({ method: "HEAD", url, ...signalOf(options) }, this.#http);
    await response.discard();
    if (response.status === 200 || response.status === 404) return response.status === 200;
    throw errorFrom(response.status, "");
  }

  /** Uploads an archive, for a Service's `varve.dev/source` to name. */
  async upload(
    { namespace, digest }: { readonly namespace: string; readonly digest: string },
    content: Readable,
    options: CallOptions = {},
  ): Promise<void> {
    const headers = { "content-type": "application/x-tar" };
    const url = uploadPath(namespace, digest);
    // The server says nothing before it has all of it, however long that takes.
    const request = { method: "PUT", url, headers, body: content, ...signalOf(options) } as const;
    await (await this.#send(request, this.#streams)).discard();
  }

  /** A backup of the whole server, as a tar archive. With the keys it lets whoever has it in. */
  async *backup(
    { images, keys }: { readonly images: boolean; readonly keys: boolean },
    options: CallOptions = {},
  ): AsyncIterable<Uint8Array> {
    const url = `/backup${keys ? "/keys" : ""}${queryOf({ images })}`;
    try {
      yield* (await this.#send({ url, ...signalOf(options) }, this.#streams)).body;
    } catch (thrown) {
      throw this.#lost(thrown);
    }
  }

  /** A request to a path that is no resource, or a part of one. Answers with what came of it. */
  async send<T>(method: "POST" | "PUT", url: string, options: SendOptions = {}): Promise<T> {
    const { body } = options;
    const sent = body === undefined ? {} : jsonOf(body);
    return await this.#json<T>({ url, method, ...sent, ...signalOf(options) });
  }

  /** Reads something that is no resource. */
  async ask<T>(path: string, options: CallOptions = {}): Promise<T> {
    return await this.#json<T>({ url: path, ...signalOf(options) });
  }

  /** What the server says of itself: `gitVersion` and more. */
  async version(options: CallOptions = {}): Promise<Readonly<Record<string, string>>> {
    return await this.#json({ url: "/version", ...signalOf(options) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]();
    await this.#streams[Symbol.asyncDispose]();
  }

  async #listToWatch<R extends Resource>(kind: Kind<R>, options: WatchOptions) {
    try {
      return await this.list(kind, options);
    } catch (thrown) {
      if (options.signal?.aborted === true) return undefined;
      throw thrown;
    }
  }

  /** Goes on where it was when the server ends the stream, or is away for a while. */
  async *#events<R extends Resource>(
    kind: Kind<R>,
    options: WatchOptions,
  ): AsyncIterable<WatchEvent<R>> {
    const { signal } = options;
    const { clock = systemClock, chance = systemChance, onLost = () => {} } = this.#deps;
    const isOver = () => signal?.aborted === true;
    let { resourceVersion = "" } = options;
    let hasBegun = false;
    for (let tries = 0; !isOver(); tries += 1) {
      try {
        const response = await this.#stream(kind, { ...options, resourceVersion });
        hasBegun = true;
        for await (const event of eventsOf<R>(response)) {
          tries = 0;
          resourceVersion = event.object.metadata.resourceVersion;
          if (event.type !== "BOOKMARK") yield { type: event.type, object: event.object };
        }
      } catch (thrown) {
        if (isOver()) return;
        const error = this.#lost(thrown);
        if (!hasBegun || !isReason(error, "ServiceUnavailable")) throw error;
        onLost(error);
      }
      await clock.sleep(delayMs(AGAIN, tries, chance), signal && { signal }).catch(() => {});
    }
  }

  async #stream(kind: Kind, options: WatchOptions): Promise<HttpResponse> {
    const { resourceVersion } = options;
    const more = { watch: true, allowWatchBookmarks: true, resourceVersion };
    const url = selected(kind, options, more);
    return await this.#send({ url, ...signalOf(options) }, this.#streams);
  }

  async #json<T>(request: HttpRequest & { readonly url: string }): Promise<T> {
    const response = await this.#send(request, this.#http);
    const text = await this.#read(response, request.signal);
    try {
      return JSON.parse(text);
    } catch (cause) {
      const said = text.trim().slice(0, 200);
      const message = `the server at ${this.#connection.server} is no Kubernetes API: "${said}"`;
      throw new ApiError("InternalError", message, { cause });
    }
  }

  async #read(response: HttpResponse, signal: AbortSignal | undefined): Promise<string> {
    try {
      return await response.text();
    } catch (thrown) {
      signal?.throwIfAborted();
      throw this.#lost(thrown);
    }
  }

  /** Throws the `ApiError` that the server meant when the answer is no success. */
  async #send(request: HttpRequest & { readonly url: string }, http: HttpClient) {
    const response = await this.#answer(request, http);
    if (response.status >= 400) {
      throw errorFrom(response.status, await this.#read(response, request.signal));
    }
    const { onWarning } = this.#deps;
    if (onWarning !== undefined) warningsIn(response.headers["warning"]).forEach(onWarning);
    return response;
  }

  async #answer(request: HttpRequest & { readonly url: string }, http: HttpClient) {
    const { server, token } = this.#connection;
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const headers = { accept: "application/json", ...authorization, ...request.headers };
    try {
      return await http.send({ ...request, url: `${server}${request.url}`, headers });
    } catch (thrown) {
      throw this.#lost(thrown);
    }
  }

  /** The same for callers, who know only of servers that answer or are not available. */
  #lost(thrown: unknown): unknown {
    if (!(thrown instanceof HttpError)) return thrown;
    const message = `the server at ${this.#connection.server} gives no answer: ${thrown.message}`;
    return new ApiError("ServiceUnavailable", message, { cause: thrown });
  }
}

type WireEvent<R extends Resource> =
  | { readonly type: WatchEvent<R>["type"] | "BOOKMARK"; readonly object: R }
  | { readonly type: "ERROR"; readonly object: Status };

async function* eventsOf<R extends Resource>(response: HttpResponse) {
  for await (const line of linesOf(response.body)) {
    const event: WireEvent<R> = JSON.parse(line);
    if (event.type === "ERROR") throw errorOf(event.object);
    yield event;
  }
}

function selected(kind: Kind, options: ListOptions, more: Parameters<typeof queryOf>[0] = {}) {
  const { namespace, labelSelector, fieldSelector } = options;
  return `${pathTo(kind, { namespace })}${queryOf({ labelSelector, fieldSelector, ...more })}`;
}

function signalOf({ signal }: CallOptions): CallOptions {
  return signal === undefined ? {} : { signal };
}

function dryRunOf({ isDryRun = false }: WriteOptions): string {
  return isDryRun ? "?dryRun=All" : "";
}

function podPath({ namespace = "", name }: ObjectKey): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;
}

function uploadPath(namespace: string, digest: string): string {
  return `/apis/varve.dev/v1/namespaces/${encodeURIComponent(namespace)}/uploads/${digest}`;
}

function mustKind(type: TypeMeta): Kind {
  const kind = kindOf(type);
  assert(kind !== undefined, `there is no kind ${type.apiVersion} ${type.kind}`);
  return kind;
}
