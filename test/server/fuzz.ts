import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { seededChance } from "../../src/base/chance.ts";
import { type Answered, Bed, type Sent } from "./bed.ts";
import { type Endpoint, endpointsIn, someRequest } from "./fuzz_requests.ts";

const TOGETHER = 8;

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
