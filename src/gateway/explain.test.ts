import assert from "node:assert/strict";
import { test } from "node:test";
import type { Guards, Match } from "../api/traffic_policy_schema.ts";
import { type Chance, seededChance } from "../base/chance.ts";
import type { Fleet } from "./fleet.ts";
import { ask, backendOf, Instance, Rig, routeOf } from "./rig.ts";
import type { ShareSpec, SteeringSpec } from "./route_table.ts";

const HOST = "a.localhost";
const IDS = ["default/a-1", "default/a-2", "default/a-3"] as const;
const SEED = 20_261_128;

test("what is told of a request is what becomes of it, whatever rules there are", async () => {
  await using rig = new Rig();
  await using stack = new AsyncDisposableStack();
  const fleet = await rig.start({ settings: { trustedProxies: ["127.0.0.1"] } });
  for (const id of IDS) {
    const name = id.slice("default/".length);
    const answer = ({ url = "" }: { url?: string | undefined }) => `${name} ${url}`;
    const app = await Instance.start(name, (req, res) => void res.end(answer(req)));
    stack.use(app);
    await fleet.putBackend(backendOf(id, [app]));
  }
  const chance = seededChance(SEED);
  for (let round = 0; round < 20; round += 1) {
    const steering = randomSteering(chance);
    const guards = randomGuards(chance);
    await fleet.putRoute({ ...routeOf(HOST, { [IDS[0]]: 70, [IDS[1]]: 30 }), steering, guards });
    for (let count = 0; count < 20; count += 1) {
      const request = randomRequest(chance);
      const [told, came] = [await foretold(fleet, request), await done(fleet, request)];
      assert.equal(told, came, JSON.stringify({ SEED, steering, guards, request }));
    }
  }
});

interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Asked twice, for nothing is to count. */
async function foretold(fleet: Fleet, { method, path, headers }: Request): Promise<string> {
  const asking = { method, target: path, host: HOST, client: "127.0.0.1", isTls: false, headers };
  const told = await fleet.explain(asking);
  assert.deepEqual(await fleet.explain(asking), told);
  const { refusal, revision = "", target = path } = told;
  return refusal === undefined
    ? `200 ${revision.slice("default/".length)} ${target}`
    : `${refusal.code} ${refusal.detail}`;
}

async function done(fleet: Fleet, request: Request): Promise<string> {
  const { code, body } = await ask(fleet.address, { host: HOST, ...request });
  return `${code} ${body.trim()}`;
}

function one<T>(chance: Chance, list: readonly T[]): T {
  return list[Math.floor(chance.fraction() * list.length)] as T;
}

function some<T>(chance: Chance, list: readonly T[]): readonly T[] {
  return list.filter(() => chance.fraction() < 0.4);
}

const PATHS = ["/", "/api", "/api/", "/api/x?v=1", "/apix", "/api/../x", "/x?v=2&v=1", "//api"];
const MATCHES: readonly Match[] = [
  { pathPrefix: "/api" },
  { pathPrefix: "/" },
  { path: "/x" },
  { methods: ["PUT", "DELETE"] },
  { headers: [{ name: "X-User", oneOf: ["ann", "bob"] }] },
  { headers: [{ name: "Host", exact: HOST }], pathPrefix: "/api/" },
  { cookies: [{ name: "sid", prefix: "a" }] },
  { query: [{ name: "v", exact: "1" }] },
  { headers: [{ name: "X-User", present: false }], path: "/" },
];

function randomSteering(chance: Chance): SteeringSpec {
  const half = [50, 50] as const;
  const split = (): readonly ShareSpec[] =>
    half.map((percent, at) => ({
      backend: IDS[(at + (chance.fraction() < 0.5 ? 1 : 0)) % 3] ?? "",
      percent,
    }));
  const rules = some(chance, MATCHES).map((match, at) => {
    const rewritePrefix = one(chance, ["/", "/v1", "/v1/"]);
    const isRewritten = match.pathPrefix !== undefined && chance.fraction() < 0.5;
    return { name: `r${at}`, match, split: split(), ...(isRewritten && { rewritePrefix }) };
  });
  const by = one(chance, ["header", "cookie", "client"] as const);
  const name = by === "header" ? "x-user" : "sid";
  const intervals = [
    { backend: IDS[0], from: 0, length: 700 },
    { backend: IDS[1], from: 700, length: 300 },
  ];
  return {
    rules,
    ...(chance.fraction() < 0.5 && { tags: { next: IDS[2] } }),
    ...(chance.fraction() < 0.5 && { override: { "a-2": IDS[1] } }),
    ...(chance.fraction() < 0.5 && { sticky: { by, name, intervals } }),
  };
}

function randomGuards(chance: Chance): Guards {
  return {
    ...(chance.fraction() < 0.3 && { ip: { deny: ["10.0.0.0/8"] } }),
    ...(chance.fraction() < 0.3 && {
      redirects: [{ match: one(chance, MATCHES), path: "/new", code: 302 }],
    }),
    ...(chance.fraction() < 0.3 && { cors: { allowOrigins: ["https://x.com"] } }),
    ...(chance.fraction() < 0.3 && { rateLimits: [{ requests: 9, per: "1h", header: "X-User" }] }),
    ...(chance.fraction() < 0.2 && { jwt: { issuer: "i", jwks: '{"keys":[]}', required: false } }),
  };
}

const HEADERS: readonly (readonly [string, readonly string[]])[] = [
  ["x-user", ["ann", "bob", "cid", "constructor"]],
  ["cookie", ["sid=a1", "sid=b2; other=1", "other=1"]],
  ["knative-serving-tag", ["next", "none"]],
  ["varve-revision", ["a-2", "a-9"]],
  ["x-forwarded-for", ["10.1.1.1", "192.0.2.1, 10.1.1.1", "192.0.2.1"]],
  ["x-forwarded-proto", ["https"]],
  ["origin", ["https://x.com", "https://y.com"]],
  ["authorization", ["Bearer a.b.c", "Basic x"]],
];

function randomRequest(chance: Chance): Request {
  const headers = some(chance, HEADERS).map(([name, values]) => [name, one(chance, values)]);
  const method = one(chance, ["GET", "PUT", "DELETE"]);
  return { method, path: one(chance, PATHS), headers: Object.fromEntries(headers) };
}
