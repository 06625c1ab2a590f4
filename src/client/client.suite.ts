import assert from "node:assert/strict";
import { test } from "node:test";
import { CONFIG_MAP, type ConfigMap } from "../api/config_map.ts";
import { type Reason, statusOf } from "../api/error.ts";
import type { Draft } from "../api/meta.ts";
import { SERVICE, type Service } from "../api/service.ts";
import { SERVICE_ACCOUNT, type ServiceAccount } from "../api/service_account.ts";
import type { Client, WatchEvent } from "./client.ts";

/** A client, and the server behind it. */
export interface ClientBed extends AsyncDisposable {
  readonly client: Client;
  /** Has the server forget what happened so far. */
  compact(): Promise<void>;
}

export interface SuiteOptions {
  /** Why all of it is left out, when it is. */
  readonly skip?: string | false;
  /** What this server cannot be made to do in a test. */
  readonly except?: readonly (keyof typeof TITLES)[];
}

/** What every `Client` does: told once, and held against each way of reaching a server. */
export function clientSuite(
  name: string,
  makeBed: () => Promise<ClientBed>,
  { skip = false, except = [] }: SuiteOptions = {},
): void {
  const tests = {
    reads,
    writes,
    conflicts,
    patches,
    statuses,
    deletes,
    tokens,
    selects,
    ...watches,
  };
  for (const [title, act] of Object.entries(tests)) {
    const key = title as keyof typeof TITLES;
    const isLeftOut = skip || (except.includes(key) && "no test can have this server do that");
    test(`${name}: ${TITLES[key]}`, { skip: isLeftOut }, async () => {
      await using bed = await makeBed();
      await act(bed);
    });
  }
}

const TITLES = {
  reads: "what was created is read and listed, and what is not there is NotFound",
  writes: "a name is taken once, and a put says all that the owner says",
  conflicts: "a put of what has changed since is a Conflict",
  patches: "a patch changes parts, by each of its three ways",
  statuses: "a status is put apart from the rest",
  deletes: "a delete is done once, and spares another of the same name",
  tokens: "a token is made of a ServiceAccount, for as long as is asked, or not at all",
  selects: "lists are of one namespace or all, by labels and by fields",
  watchesFromNow: "a watch without a moment tells first what is there, then what comes",
  watchesFromThen: "a watch from a moment on misses nothing that came after it",
  watchesTooLate: "a watch from a moment that is forgotten is Expired",
  watchesEnd: "a watch ends without a word when its signal says so",
};

async function reads({ client }: ClientBed): Promise<void> {
  await rejects(client.get(CONFIG_MAP, key("one")), "NotFound");
  const created = await client.create(map("one", { a: "1" }));
  assert.deepEqual(await client.get(CONFIG_MAP, key("one")), created);
  const { items, resourceVersion } = await client.list(CONFIG_MAP, { namespace: "default" });
  assert.deepEqual(items, [created]);
  assert.equal(resourceVersion, created.metadata.resourceVersion);
}

async function writes({ client }: ClientBed): Promise<void> {
  const created = await client.create(map("one", { a: "1" }));
  await rejects(client.create(map("one", { a: "2" })), "AlreadyExists");
  const put = await client.put<ConfigMap>({ ...created, data: { b: "2" } });
  assert.deepEqual(put.data, { b: "2" });
  assert.equal(put.metadata.uid, created.metadata.uid);
  assert.deepEqual(await client.put(put), put);
}

async function conflicts({ client }: ClientBed): Promise<void> {
  const first = await client.create(map("one", { a: "1" }));
  await client.put<ConfigMap>({ ...first, data: { a: "2" } });
  await rejects(client.put<ConfigMap>({ ...first, data: { a: "3" } }), "Conflict");
  assert.deepEqual((await client.get(CONFIG_MAP, key("one"))).data, { a: "2" });
}

async function patches({ client }: ClientBed): Promise<void> {
  const of = { kind: CONFIG_MAP, key: key("one") };
  await rejects(client.patch(of, { data: { a: "2" } }), "NotFound");
  await client.create(map("one", { a: "1", b: "1" }));
  await client.patch(of, { data: { a: "2", b: null } });
  await client.patch(of, [{ op: "add", path: "/data/c", value: "3" }], { type: "json" });
  const { data } = await client.patch(of, { data: { d: "4" } }, { type: "strategic" });
  assert.deepEqual(data, { a: "2", c: "3", d: "4" });
}

async function statuses({ client }: ClientBed): Promise<void> {
  const service = await client.create(hello());
  const status = { url: "http://hello" };
  const told = await client.putStatus<Service>({ ...service, spec: {}, status });
  assert.deepEqual(told.status, status);
  assert.deepEqual(told.spec, service.spec);
  assert.equal(told.metadata.generation, 1);
}

async function deletes({ client }: ClientBed): Promise<void> {
  const first = await client.create(map("one", {}));
  await client.delete(first);
  await client.delete(first);
  const second = await client.create(map("one", {}));
  await client.delete(first, { propagation: "Foreground" });
  assert.deepEqual(await client.get(CONFIG_MAP, key("one")), second);
}

async function tokens({ client }: ClientBed): Promise<void> {
  const { apiVersion, kind } = SERVICE_ACCOUNT;
  const metadata = key("robot");
  const robot = await client.create<ServiceAccount>({ apiVersion, kind, metadata });
  const asked = { audiences: ["vault"], expirationSeconds: 1200 };
  const { spec, status } = await client.createToken(key("robot"), asked);
  assert.deepEqual([spec.audiences, spec.expirationSeconds], [["vault"], 1200]);
  assert.match(status?.token ?? "", /^[\w-]+\.[\w-]+\.[\w-]+$/);
  assert(!Number.isNaN(Date.parse(status?.expirationTimestamp ?? "")));
  await rejects(client.createToken(key("nobody"), asked), "NotFound");
  const boundObjectRef = { apiVersion: "v1", kind: "Pod", name: "none", uid: "1" };
  await rejects(client.createToken(key("robot"), { boundObjectRef }), "NotFound");
  await rejects(client.createToken(key("robot"), { expirationSeconds: 599 }), "Invalid");
  await client.delete(robot);
}

async function selects({ client }: ClientBed): Promise<void> {
  for (const name of ["one", "two"]) {
    await client.create(map(name, {}, { labels: { name } }));
    await client.create(map(name, {}, { labels: { name }, namespace: "varve-system" }));
  }
  const named = async (options: Parameters<Client["list"]>[1]) => {
    const { items } = await client.list(CONFIG_MAP, options);
    return items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  };
  assert.deepEqual(await named({ labelSelector: "name in (two)" }), [
    "default/two",
    "varve-system/two",
  ]);
  const fieldSelector = "metadata.name!=two";
  assert.deepEqual(await named({ namespace: "default", fieldSelector }), ["default/one"]);
  await rejects(client.list(CONFIG_MAP, { labelSelector: "(" }), "BadRequest");
}

const watches = {
  async watchesFromNow({ client }: ClientBed): Promise<void> {
    await client.create(map("one", { a: "1" }));
    await client.create(map("other", {}, { namespace: "varve-system" }));
    const seen: string[] = [];
    for await (const event of client.watch(CONFIG_MAP, { namespace: "default" })) {
      seen.push(told(event));
      if (seen.length === 1) await client.create(map("two", { a: "2" }));
      if (seen.length === 2) await client.delete(event.object);
      if (seen.length === 3) break;
    }
    assert.deepEqual(seen, ["ADDED one 1", "ADDED two 2", "DELETED two 2"]);
  },

  async watchesFromThen({ client }: ClientBed): Promise<void> {
    const first = await client.create(map("one", { a: "1" }));
    const { resourceVersion } = await client.list(CONFIG_MAP);
    await client.put<ConfigMap>({ ...first, data: { a: "2" } });
    await client.create(map("two", { a: "3" }));
    const seen: string[] = [];
    for await (const event of client.watch(CONFIG_MAP, { resourceVersion })) {
      if (seen.push(told(event)) === 2) break;
    }
    assert.deepEqual(seen, ["MODIFIED one 2", "ADDED two 3"]);
  },

  async watchesTooLate({ client, compact }: ClientBed): Promise<void> {
    const { metadata } = await client.create(map("one", {}));
    await client.create(map("two", {}));
    await compact();
    const { resourceVersion } = metadata;
    await rejects(Array.fromAsync(client.watch(CONFIG_MAP, { resourceVersion })), "Expired");
  },

  async watchesEnd({ client }: ClientBed): Promise<void> {
    await client.create(map("one", {}));
    const over = new AbortController();
    const seen: string[] = [];
    const asked = { namespace: "default", signal: over.signal };
    for await (const event of client.watch(CONFIG_MAP, asked)) {
      seen.push(event.object.metadata.name);
      setImmediate(() => over.abort());
    }
    assert.deepEqual(seen, ["one"]);
  },
};

async function rejects(promise: Promise<unknown>, reason: Reason): Promise<void> {
  await assert.rejects(promise, (thrown) => {
    assert.equal(statusOf(thrown).reason, reason, String(thrown));
    return true;
  });
}

function told({ type, object }: WatchEvent<ConfigMap>): string {
  return `${type} ${object.metadata.name} ${object.data?.["a"]}`;
}

function key(name: string) {
  return { namespace: "default", name };
}

function map(name: string, data: ConfigMap["data"] & {}, more = {}): Draft<ConfigMap> {
  const { apiVersion, kind } = CONFIG_MAP;
  return { apiVersion, kind, metadata: { ...key(name), ...more }, data };
}

function hello(): Draft<Service> {
  const { apiVersion, kind } = SERVICE;
  const spec = { template: { spec: { containers: [{ image: "hello" }] } } };
  return { apiVersion, kind, metadata: key("hello"), spec };
}
