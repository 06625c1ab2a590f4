import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingHttpHeaders } from "node:http";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { KINDS } from "../../src/api/kinds.ts";
import { NAMESPACE, type Namespace } from "../../src/api/namespace.ts";
import { makeCertificate } from "../../src/base/certificate.ts";
import { seededChance, systemChance } from "../../src/base/chance.ts";
import { systemClock } from "../../src/base/clock.ts";
import { makeLog } from "../../src/base/log.ts";
import { localClient } from "../../src/platform/local_client.ts";
import { makeApiServer } from "../../src/server/api_server.ts";
import { ADMINISTRATOR, tokenAuthenticator } from "../../src/server/authentication.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import { type Endpoint, endpointsIn, type Sent, someRequest } from "./fuzz_requests.ts";

const TOKEN = "fuzz";
/** An answer that has not come by then is a hang, however busy the machine. */
const ANSWER_MS_MAX = 60_000;
const TOGETHER = 8;

interface Answered {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** The API over a store on disk, and nobody at work behind it: what is asked for is not done. */
class Bed implements AsyncDisposable {
  readonly #undo = new AsyncDisposableStack();
  readonly #agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  #port = 0;
  /** What went wrong inside, a line each. */
  readonly failures: string[] = [];

  static async make(): Promise<Bed> {
    const bed = new Bed();
    const directory = await mkdtemp(join(tmpdir(), "varve-fuzz-"));
    bed.#undo.defer(() => rm(directory, { recursive: true, force: true }));
    const write = (line: string) => void bed.failures.push(line);
    const log = makeLog({ level: "error", to: { write } });
    const store = bed.#undo.use(await openDiskStore({ path: join(directory, "store.db"), log }));
    const context = { kinds: KINDS, store, clock: systemClock, chance: systemChance };
    const client = localClient(context);
    for (const name of ["default", "other"]) {
      const { apiVersion, kind } = NAMESPACE;
      await client.create<Namespace>({ apiVersion, kind, metadata: { name } });
    }
    const hosts = ["127.0.0.1"];
    const tls = await makeCertificate({ name: "fuzz", hosts, nowMs: Date.now(), days: 1 });
    const server = makeApiServer({
      ...{ context, tls, log, version: "0", troubles: () => [] },
      authenticator: tokenAuthenticator({ [TOKEN]: ADMINISTRATOR }),
      podLogs: () => Readable.from([]),
      measure: async () => [],
      exec: () => Promise.reject(new Error("nothing runs here")),
      dial: () => Promise.reject(new Error("nothing runs here")),
      uploads: { has: async () => false, put: async () => ({ bytes: 0 }) },
    });
    bed.#undo.use(server);
    bed.#undo.defer(() => bed.#agent.destroy());
    bed.#port = await server.listen({ host: "127.0.0.1", port: 0 });
    return bed;
  }

  async send({ method, path, headers = {}, body }: Sent): Promise<Answered> {
    const authorization = `Bearer ${TOKEN}`;
    const at = { host: "127.0.0.1", port: this.#port, agent: this.#agent, method, path };
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const length = { "content-length": Buffer.byteLength(body ?? "") };
    const sent = request({ ...at, signal, headers: { authorization, ...length, ...headers } });
    sent.end(body);
    const response = await new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
      sent.once("response", resolve).once("error", reject);
    });
    const answered = { code: response.statusCode ?? 0, headers: response.headers };
    const isEndless = /[?&]watch=(true|1)/.test(path) && answered.code === 200;
    if (!isEndless) return { ...answered, body: await text(response) };
    response.destroy();
    return { ...answered, body: "" };
  }

  async json<T>(path: string): Promise<T> {
    const { code, body } = await this.send({ method: "GET", path });
    assert.equal(code, 200, `${path}: ${body}`);
    return JSON.parse(body);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#undo.disposeAsync();
  }
}

/**
 * Sends requests by chance to every endpoint of the OpenAPI document: whatever comes, it is
 * answered, and never by a failure of ours. Answers with how many had which code.
 */
export async function fuzz(count: number, seed: number): Promise<ReadonlyMap<number, number>> {
  await using bed = await Bed.make();
  const endpoints = endpointsIn(await bed.json("/openapi/v2"));
  assert(endpoints.length > 100, `${endpoints.length} endpoints`);
  const chance = seededChance(seed);
  const codes = new Map<number, number>();
  for (let sent = 0; sent < count; sent += TOGETHER) {
    const some = Array.from({ length: TOGETHER }, () => someRequest(endpoints, chance));
    const answers = await Promise.all(some.map((it) => answerTo(bed, it, seed)));
    for (const { code } of answers) codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  assert.deepEqual(bed.failures, []);
  await checkStored(bed, endpoints, seed);
  return codes;
}

async function answerTo(bed: Bed, sent: Sent, seed: number): Promise<Answered> {
  const { method, path, headers, body } = sent;
  const why = `seed ${seed}: ${method} ${path} ${JSON.stringify(headers)} ${String(body ?? "")}`;
  const answered = await bed.send(sent).catch((thrown) => assert.fail(`${why}: ${thrown}`));
  const { code } = answered;
  // To ask for what is yet to come is answered so, as in Kubernetes.
  const isEarly = code === 504 && answered.body.includes("Too large resource version");
  assert(code < 500 || isEarly, `${why}: ${code} ${answered.body}`);
  const isJson = answered.headers["content-type"] === "application/json";
  if (code >= 400 && isJson) {
    const { kind, code: said, reason, message } = JSON.parse(answered.body);
    assert.deepEqual([kind, said], ["Status", code], `${why}: ${answered.body}`);
    assert(typeof reason === "string" && typeof message === "string", why);
  }
  return answered;
}

interface Listed {
  readonly items: readonly {
    readonly metadata: {
      readonly name: string;
      readonly namespace?: string;
      readonly resourceVersion: string;
    };
  }[];
}

/** All that was taken can be read again, and to say the same again changes nothing. */
async function checkStored(bed: Bed, endpoints: readonly Endpoint[], seed: number): Promise<void> {
  const puts = endpoints.filter(({ method, path }) => method === "PUT" && path.endsWith("{name}"));
  for (const { path } of puts) {
    const all = path.replace("/namespaces/{namespace}", "").replace("/{name}", "");
    const { items } = await bed.json<Listed>(all);
    for (const item of items.slice(0, 20)) {
      const { name, namespace = "", resourceVersion } = item.metadata;
      const own = path.replace("{name}", name).replace("{namespace}", namespace);
      const headers = { "content-type": "application/json" };
      const body = JSON.stringify(item);
      const again = await bed.send({ method: "PUT", path: own, headers, body });
      assert.equal(again.code, 200, `seed ${seed}: PUT ${own} ${body}: ${again.body}`);
      const after = JSON.parse(again.body).metadata.resourceVersion;
      assert.equal(after, resourceVersion, `seed ${seed}: PUT ${own} ${body}: ${again.body}`);
    }
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      requests: { type: "string", default: "10000" },
      seed: { type: "string", default: String(Date.now()) },
    },
  });
  const [count, seed] = [Number(values.requests), Number(values.seed)];
  const codes = await fuzz(count, seed);
  const list = [...codes].sort(([one], [other]) => one - other);
  const each = list.map(([code, times]) => `${code}: ${times}`).join(", ");
  process.stdout.write(`${count} requests, seed ${seed}: no failure, no hang (${each})\n`);
}

if (import.meta.main) await main();
