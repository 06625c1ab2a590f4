import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { defaultBindings, defaultRoles } from "../../src/api/default_roles.ts";
import { KINDS } from "../../src/api/kinds.ts";
import type { Draft, Resource } from "../../src/api/meta.ts";
import { type KeyPair, makeCertificate } from "../../src/base/certificate.ts";
import { systemChance } from "../../src/base/chance.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { HttpServer } from "../../src/base/http_server.ts";
import { silentLog } from "../../src/base/log.ts";
import type { AuditEntry } from "../../src/server/access/audit.ts";
import { Rbac } from "../../src/server/access/rbac.ts";
import { type ApiServerDeps, makeApiServer } from "../../src/server/api_server.ts";
import {
  ADMINISTRATOR,
  type TokenSource,
  tokenAuthenticator,
} from "../../src/server/authentication.ts";
import type { Caller } from "../../src/server/context.ts";
import { MemoryStore } from "../../src/store/memory.ts";

// For tests: the whole API server on a socket, with a store in memory and the default roles.

export const AUDIENCE = "https://api.example.com";
export const HOSTS = ["127.0.0.1"];

export interface TestServerOptions {
  readonly users?: Readonly<Record<string, Caller>>;
  readonly sources?: readonly TokenSource[];
  readonly more?: Partial<ApiServerDeps>;
}

export interface Answered {
  readonly code: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Readonly<Record<string, unknown>>;
}

interface Asking {
  readonly method?: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** Stores what `draft` says, as if it had always been there. */
export async function put(store: MemoryStore, draft: Draft<Resource>): Promise<void> {
  const meta = { uid: `uid-${draft.metadata.name}`, resourceVersion: "", generation: 1 };
  const creationTimestamp = "2026-01-01T00:00:00Z";
  const metadata = { name: "", creationTimestamp, ...meta, ...draft.metadata };
  await store.put({ ...draft, metadata } as Resource, { expected: "any" });
}

export class TestServer implements AsyncDisposable {
  readonly store: MemoryStore;
  readonly audited: readonly AuditEntry[];
  readonly authority: KeyPair;
  readonly port: number;
  readonly #server: HttpServer;

  constructor(
    server: HttpServer,
    parts: Pick<TestServer, "store" | "audited" | "authority" | "port">,
  ) {
    this.#server = server;
    this.store = parts.store;
    this.audited = parts.audited;
    this.authority = parts.authority;
    this.port = parts.port;
  }

  static async start({ users = {}, sources = [], more = {} }: TestServerOptions = {}) {
    const store = new MemoryStore();
    for (const it of [...defaultRoles(), ...defaultBindings()]) await put(store, it);
    const audited: AuditEntry[] = [];
    const nowMs = systemClock.now();
    const authority = await makeCertificate({ name: "authority", nowMs, days: 1 });
    const tls = await makeCertificate({
      name: "api",
      hosts: HOSTS,
      issuer: authority,
      nowMs,
      days: 1,
    });
    const access = new Rbac(store);
    const known = { admin: ADMINISTRATOR, ...users };
    const server = makeApiServer({
      context: { kinds: KINDS, store, clock: systemClock, chance: systemChance, access },
      authenticator: tokenAuthenticator(known, { audiences: [AUDIENCE], sources }),
      ...{ tls, log: silentLog, version: "0", troubles: () => [] },
      uploads: { has: async () => false, put: async () => ({ bytes: 0 }) },
      podLogs: () => Readable.from([]),
      measure: async () => [],
      exec: () => Promise.reject(new Error("nothing runs here")),
      dial: () => Promise.reject(new Error("nothing runs here")),
      audit: (entry) => void audited.push(entry),
      ...more,
    });
    const port = await server.listen({ host: "127.0.0.1", port: 0 });
    return new TestServer(server, { store, audited, authority, port });
  }

  ask(path: string, { method = "GET", token, headers = {}, body }: Asking = {}): Promise<Answered> {
    const login = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const type = body === undefined ? {} : { "content-type": "application/json" };
    const { promise, resolve, reject } = Promise.withResolvers<Answered>();
    const options = {
      ...{ host: "127.0.0.1", port: this.port, ca: this.authority.cert, method, path },
      headers: { ...login, ...type, ...headers },
      agent: false,
    };
    const read = async (response: IncomingMessage) => {
      const text = Buffer.concat(await Array.fromAsync(response)).toString();
      const isJson = response.headers["content-type"]?.includes("json") ?? false;
      // A watch of what does not change says nothing.
      const said = isJson && text !== "" ? JSON.parse(text) : { text };
      resolve({ code: response.statusCode ?? 0, headers: response.headers, body: said });
    };
    const request = httpsRequest(options, (response) => read(response).catch(reject));
    request.on("error", reject);
    request.end(body);
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
  }
}
