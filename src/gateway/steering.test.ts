import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, backendOf, Instance, Rig, until } from "./rig.ts";
import type { RouteSpec, SteeringSpec } from "./route_table.ts";
import { hashOf, pointOf } from "./sticky.ts";

const HOST = "a.localhost";
const [OLD, NEW] = ["default/a-1", "default/a-2"];

/** Answers with its name and what it was asked for. */
async function instance(name: string): Promise<Instance> {
  return Instance.start(name, (req, res) => {
    const { "knative-serving-default-route": isDefault = "no" } = req.headers;
    res.end(`${name} ${req.method} ${req.url} default=${isDefault}`);
  });
}

function routeWith(steering: SteeringSpec, more: Partial<RouteSpec> = {}): RouteSpec {
  const hosts = [
    { host: HOST, split: [{ backend: OLD, percent: 100 }] },
    { host: `new-${HOST}`, split: [{ backend: NEW, percent: 100 }], isTag: true },
  ];
  return { id: "default/a", hosts, steering, ...more };
}

async function world() {
  const rig = new Rig();
  const [old, fresh] = [await instance("old"), await instance("new")];
  const gateway = await rig.start({ settings: { trustedProxies: ["127.0.0.1"] } });
  await gateway.settled();
  await gateway.putBackend(backendOf(OLD, [old]));
  await gateway.putBackend(backendOf(NEW, [fresh]));
  const get = async (path: string, headers = {}, host = HOST) => {
    return (await ask(gateway.address, { host, path, headers })).body;
  };
  return {
    gateway,
    get,
    async [Symbol.asyncDispose]() {
      await rig[Symbol.asyncDispose]();
      await old[Symbol.asyncDispose]();
      await fresh[Symbol.asyncDispose]();
    },
  };
}

type Steered = Awaited<ReturnType<typeof world>>;

const STORIES: readonly {
  readonly title: string;
  readonly act: (it: Steered) => Promise<void>;
}[] = [
  {
    title: "a tag that a header names, else the split, which is marked",
    act: async ({ gateway, get }) => {
      await gateway.putRoute(routeWith({ tags: { new: NEW } }));
      assert.deepEqual(
        [
          await get("/x", { "Knative-Serving-Tag": "new" }),
          await get("/x", { "Knative-Serving-Tag": "none" }),
          await get("/x", { "Knative-Serving-Default-Route": "forged" }),
          await get("/x", {}, `new-${HOST}`),
        ],
        [
          "new GET /x default=no",
          "old GET /x default=true",
          "old GET /x default=true",
          "new GET /x default=no",
        ],
      );
    },
  },

  {
    title: "a revision without a share is reached by its name, where that is allowed",
    act: async ({ gateway, get }) => {
      const byName = { "Varve-Revision": "a-2" };
      assert.equal(await get("/", byName), "old GET / default=true");
      await gateway.putRoute(routeWith({ override: { "a-1": OLD, "a-2": NEW } }));
      assert.equal(await get("/", byName), "new GET / default=no");
      assert.equal(await get("/", { "Varve-Revision": "a-3" }), "old GET / default=no");
    },
  },

  {
    title: "the first rule that matches decides, and may put another prefix",
    act: async ({ gateway, get }) => {
      const split = [{ backend: NEW, percent: 100 }];
      await gateway.putRoute(
        routeWith({
          rules: [
            {
              name: "old api",
              match: { pathPrefix: "/api/v1" },
              split: [{ backend: OLD, percent: 100 }],
            },
            { name: "api", match: { pathPrefix: "/api" }, split, rewritePrefix: "/" },
            { name: "beta", match: { headers: [{ name: "x-user", oneOf: ["ann"] }] }, split },
          ],
        }),
      );
      assert.deepEqual(
        [
          await get("/api/v1/x"),
          await get("/api/v2/x?y"),
          await get("/", { "X-User": "ann" }),
          await get("/", { "X-User": "bob" }),
          await get("/api/x", {}, `new-${HOST}`),
        ],
        [
          "old GET /api/v1/x default=no",
          "new GET /v2/x?y default=no",
          "new GET / default=no",
          "old GET / default=no",
          "new GET /api/x default=no",
        ],
      );
    },
  },

  {
    title: "a key goes to the same revision, at the ratio of the intervals",
    act: async ({ gateway, get }) => {
      const intervals = [
        { backend: OLD, from: 0, length: 700 },
        { backend: NEW, from: 700, length: 300 },
      ];
      await gateway.putRoute(routeWith({ sticky: { by: "header", name: "x-user", intervals } }));
      for (let user = 0; user < 40; user += 1) {
        const isNew = pointOf(`user-${user}`, hashOf("default/a")) >= 700;
        const said = await get("/", { "X-User": `user-${user}` });
        assert.equal(said, `${isNew ? "new" : "old"} GET / default=no`);
      }
    },
  },

  {
    title: "who has no cookie is given one, and goes where it leads from then on",
    act: async ({ gateway }) => {
      const intervals = [
        { backend: OLD, from: 0, length: 500 },
        { backend: NEW, from: 500, length: 500 },
      ];
      await gateway.putRoute(routeWith({ sticky: { by: "cookie", isIssued: true, intervals } }));
      for (let client = 0; client < 10; client += 1) {
        const first = await ask(gateway.address, { host: HOST });
        const [cookie = ""] = first.headers["set-cookie"] ?? [];
        assert.match(
          cookie,
          /^varve-key=[\w-]{22}; Path=\/; Max-Age=31536000; HttpOnly; SameSite=Lax$/,
        );
        const again = await ask(gateway.address, {
          host: HOST,
          headers: { Cookie: cookie.split(";")[0] },
        });
        assert.deepEqual([again.body, again.headers["set-cookie"]], [first.body, undefined]);
      }
      const headers = { Cookie: "varve-key=", "X-Forwarded-Proto": "https" };
      const empty = await ask(gateway.address, { host: HOST, headers });
      assert.match(empty.headers["set-cookie"]?.[0] ?? "", /^varve-key=[\w-]{22};.*; Secure$/);
    },
  },

  {
    title: "a wildcard serves every host below it that is not served otherwise",
    act: async ({ gateway, get }) => {
      const wild = { host: "*.example.com", split: [{ backend: NEW, percent: 100 }] };
      await gateway.putRoute(routeWith({}, { hosts: [...routeWith({}).hosts, wild] }));
      assert.equal(await get("/", {}, "shop.example.com"), "new GET / default=no");
      assert.equal((await ask(gateway.address, { host: "example.com" })).code, 404);
      await gateway.putRoute(routeWith({}));
      await until("it is gone", async () => {
        return (await ask(gateway.address, { host: "shop.example.com" })).code === 404;
      });
    },
  },
];

test("names, tags, rules and keys decide before the split, over real sockets", async (t) => {
  await using it = await world();
  for (const { title, act } of STORIES) await t.test(title, () => act(it));
});
