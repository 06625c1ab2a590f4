import assert from "node:assert/strict";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { afterEach, test } from "node:test";
import { CONFIG_MAP, type ConfigMap } from "../api/config_map.ts";
import { type ApiError, statusOf } from "../api/error.ts";
import { KINDS } from "../api/kinds.ts";
import { NAMESPACE, type Namespace } from "../api/namespace.ts";
import { makeCertificate } from "../base/certificate.ts";
import { systemChance } from "../base/chance.ts";
import { systemClock } from "../base/clock.ts";
import { makeSigningKey, readSigningKey } from "../base/jwt.ts";
import { silentLog } from "../base/log.ts";
import { localClient } from "../platform/local_client.ts";
import { AccountTokens } from "../server/access/account_tokens.ts";
import { makeApiServer } from "../server/api_server.ts";
import { ADMINISTRATOR, tokenAuthenticator } from "../server/authentication.ts";
import type { ServerContext } from "../server/context.ts";
import { MemoryStore } from "../store/memory.ts";
import { type ClientBed, clientSuite } from "./client.suite.ts";
import { KubernetesClient, type KubernetesDeps } from "./kubernetes.ts";

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one[Symbol.asyncDispose]();
});

clientSuite("in this process", async () => {
  const context = makeContext();
  const client = localClient(context, ADMINISTRATOR);
  await makeNamespaces(context);
  return bedOf(client, context);
});

clientSuite("over HTTPS", async () => {
  const context = makeContext();
  await makeNamespaces(context);
  return bedOf(await clientOf(context), context);
});

test("a watch goes on where it was when the server ended it, and tells nothing twice", async () => {
  const asked: string[] = [];
  const lines = [watched("ADDED", "one", 5), watched("BOOKMARK", "", 8), "", ""];
  const server = await serve((request, response) => {
    const query = new URL(`http://x${request.url}`).searchParams;
    asked.push(query.get("resourceVersion") ?? "");
    const line = lines[asked.length - 1] ?? watched("MODIFIED", "one", 9);
    if (asked.length === 3) return response.writeHead(502).end("no backend");
    return response.end(line);
  });
  const lost: string[] = [];
  const client = makeClient(server, { onLost: ({ message }) => lost.push(message) });
  const seen: string[] = [];
  for await (const { type } of client.watch(CONFIG_MAP, { resourceVersion: "3" })) {
    if (seen.push(type) === 2) break;
  }
  assert.deepEqual(seen, ["ADDED", "MODIFIED"]);
  assert.deepEqual(asked, ["3", "5", "8", "8", "8"]);
  assert.deepEqual(lost, ["the server answers 502: no backend"]);
});

test("a watch that never began says why", async () => {
  const server = await serve((_request, response) => response.writeHead(503).end());
  const client = makeClient(server);
  const watch = Array.fromAsync(client.watch(CONFIG_MAP, { resourceVersion: "3" }));
  await rejects(watch, "ServiceUnavailable", /answers 503/);
});

test("who is not let in is told so, and so is who asks for what is not there", async () => {
  const context = makeContext();
  await makeNamespaces(context);
  const stranger = await clientOf(context, "wrong");
  await rejects(stranger.list(CONFIG_MAP), "Unauthorized", /the token is not known here/);
  await rejects(stranger.hasUpload("default", `sha256:${"0".repeat(64)}`), "Unauthorized", /401/);
});

test("a server that is not there is told apart from one that is no Kubernetes API", async () => {
  const gone = await serve(() => {});
  await gone[Symbol.asyncDispose]();
  const message = /the server at http:\/\/127\.0\.0\.1:\d+ gives no answer: .*ECONNREFUSED/;
  await rejects(makeClient(gone).list(CONFIG_MAP), "ServiceUnavailable", message);
  const page = await serve((_request, response) => response.end("<html>Hello"));
  await rejects(
    makeClient(page).list(CONFIG_MAP),
    "InternalError",
    /is no Kubernetes API: "<html>/,
  );
});

const ANSWERS = [
  { title: "a reason we know", code: 409, reason: "AlreadyExists", means: "AlreadyExists" },
  { title: "a reason only others know", code: 410, reason: "Gone", means: "Expired" },
  { title: "no reason at all", code: 429, reason: undefined, means: "TooManyRequests" },
  { title: "a code of nobody", code: 599, reason: "Strange", means: "InternalError" },
];
for (const { title, code, reason, means } of ANSWERS) {
  test(`${title}: the refusal of another server becomes one of ours`, async () => {
    const body = JSON.stringify({ kind: "Status", reason, message: "because" });
    const server = await serve((_request, response) => response.writeHead(code).end(body));
    await rejects(makeClient(server).list(CONFIG_MAP), means, /^because$/);
  });
}

test("a list of nothing may be null, and items need not say what they are", async () => {
  const { apiVersion, kind } = CONFIG_MAP;
  const bodies = [{ items: null }, { items: [{ metadata: { name: "one" } }] }];
  const server = await serve((_request, response) => {
    response.end(JSON.stringify({ metadata: { resourceVersion: "7" }, ...bodies.shift() }));
  });
  const client = makeClient(server);
  assert.deepEqual((await client.list(CONFIG_MAP)).items, []);
  const { items } = await client.list(CONFIG_MAP);
  assert.deepEqual(items, [{ apiVersion, kind, metadata: { name: "one" } }]);
});

test("a dry run is answered and changes nothing, and warnings are passed on", async () => {
  const context = makeContext();
  await makeNamespaces(context);
  const warnings: string[] = [];
  const client = await clientOf(context, TOKEN, { onWarning: (it) => warnings.push(it) });
  const draft = { ...one, data: { a: "1" }, dta: { a: "1" } };
  const dry = await client.create<ConfigMap>(draft, { isDryRun: true });
  assert.deepEqual(dry.data, { a: "1" });
  await rejects(client.get(CONFIG_MAP, one.metadata), "NotFound", /"one" not found/);
  assert.deepEqual(warnings, ['unknown field "dta"']);
});

test("tables are of what is selected or of one, with the resources in their rows", async () => {
  const context = makeContext();
  await makeNamespaces(context);
  const client = await clientOf(context);
  const created = await client.create<ConfigMap>({ ...one, data: { a: "1" } });
  for (const options of [{ labelSelector: "!a" }, { namespace: "default", name: "one" }]) {
    const { columnDefinitions, rows } = await client.table(CONFIG_MAP, options);
    assert.deepEqual(
      columnDefinitions.map(({ name }) => name),
      ["Name", "Data", "Age"],
    );
    assert.deepEqual(
      rows.map(({ cells, object }) => [cells[1], object]),
      [[1, created]],
    );
  }
});

test("a body is uploaded as it streams, and asked for by its digest", async () => {
  const bodies: string[] = [];
  const server = await serve(async (request, response) => {
    if (request.method === "HEAD") return response.writeHead(bodies.length > 0 ? 200 : 404).end();
    bodies.push(Buffer.concat(await Array.fromAsync(request)).toString());
    return response.writeHead(201).end("{}");
  });
  const client = makeClient(server);
  assert.equal(await client.hasUpload("default", "sha256:1"), false);
  const to = { namespace: "default", digest: "sha256:1" };
  await client.upload(to, Readable.from(["first, ", "last"]));
  assert.equal(await client.hasUpload("default", "sha256:1"), true);
  assert.deepEqual(bodies, ["first, last"]);
});

test("a Pod's log comes line by line, and ends when its signal says so", async () => {
  const server = await serve((request, response) => {
    response.write(`${request.url}\nsecond\n`);
  });
  const over = new AbortController();
  const lines: string[] = [];
  const options = { follow: true, tailLines: 3, signal: over.signal };
  for await (const line of makeClient(server).podLog({ namespace: "a", name: "b" }, options)) {
    if (lines.push(line) === 2) over.abort();
  }
  assert.deepEqual(lines, ["/api/v1/namespaces/a/pods/b/log?follow=true&tailLines=3", "second"]);
});

const TOKEN = "token";
const one = {
  apiVersion: CONFIG_MAP.apiVersion,
  kind: CONFIG_MAP.kind,
  metadata: { namespace: "default", name: "one" },
};

function makeContext() {
  const deps = { store: new MemoryStore(), clock: systemClock, chance: systemChance };
  const key = () => readSigningKey(makeSigningKey());
  const accountTokens = new AccountTokens({ issuer: "https://issuer.test", key, ...deps });
  return { kinds: KINDS, accountTokens, ...deps };
}

type Context = ReturnType<typeof makeContext>;

async function makeNamespaces(context: ServerContext): Promise<void> {
  const { apiVersion, kind } = NAMESPACE;
  for (const name of ["default", "varve-system"]) {
    await localClient(context).create<Namespace>({ apiVersion, kind, metadata: { name } });
  }
}

function bedOf(client: ClientBed["client"], { store }: ServerContext): ClientBed {
  return {
    client,
    compact: () => store.compact(store.revision),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Of the real server, by its own authority. */
async function clientOf(context: Context, token = TOKEN, deps: KubernetesDeps = {}) {
  const nowMs = systemClock.now();
  const issuer = await makeCertificate({ name: "authority", nowMs, days: 1 });
  const hosts = ["127.0.0.1"];
  const tls = await makeCertificate({ name: "server", hosts, issuer, nowMs, days: 1 });
  const nothing = { has: async () => false, put: async () => ({ bytes: 0 }) };
  const server = makeApiServer({
    ...{ context, tls, log: silentLog, version: "0", troubles: () => [], uploads: nothing },
    accountTokens: context.accountTokens,
    authenticator: tokenAuthenticator({ [TOKEN]: ADMINISTRATOR }),
    podLogs: () => Readable.from([]),
    measure: async () => [],
    exec: () => Promise.reject(new Error("nothing runs here")),
    dial: () => Promise.reject(new Error("nothing runs here")),
  });
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  const address = { server: `https://127.0.0.1:${port}`, namespace: "default" };
  const client = new KubernetesClient({ ...address, authority: issuer.cert, token }, deps);
  opened.push(client, server);
  return client;
}

function makeClient({ origin }: { readonly origin: string }, deps: KubernetesDeps = {}) {
  const client = new KubernetesClient({ server: origin, namespace: "default" }, deps);
  opened.unshift(client);
  return client;
}

async function serve(listener: RequestListener) {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.closeAllConnections();
    server.close();
  };
  const serving = { origin: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: close };
  opened.push(serving);
  return serving;
}

function watched(type: string, name: string, version: number): string {
  const object = { metadata: { name, resourceVersion: String(version) } };
  return `${JSON.stringify({ type, object })}\n`;
}

async function rejects(promise: Promise<unknown>, reason: string, message: RegExp) {
  await assert.rejects(promise, (thrown: ApiError) => {
    assert.equal(statusOf(thrown).reason, reason, String(thrown));
    assert.match(thrown.message, message);
    return true;
  });
}
