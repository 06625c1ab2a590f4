import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { connect } from "node:tls";
import { HOSTS, put, TestServer } from "../../../test/support/api_server.ts";
import { NAMESPACE } from "../../api/namespace.ts";
import { makeCertificate } from "../../base/certificate.ts";
import { systemClock } from "../../base/clock.ts";
import { makeHttpServer } from "../../base/http_server.ts";
import { auditLine } from "./audit.ts";

const BOB = { user: "bob", groups: ["dev"] };
const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";

test("nobody comes in without a token, but to what is public", async () => {
  await using server = await TestServer.start();
  const codes = ["/healthz", "/livez", "/readyz", "/api", "/version", CONFIG_MAPS, "/nothing"];
  const answers = await Promise.all(codes.map((path) => server.ask(path)));
  assert.deepEqual(
    answers.map(({ code }) => code),
    [200, 200, 200, 401, 401, 401, 401],
  );
  assert.equal((await server.ask("/.well-known/version-registry")).code, 404);
});

test("whoever is known may do what a role allows, and nothing else", async () => {
  await using server = await TestServer.start({ users: { bob: BOB } });
  const asked = ["/api", "/apis/serving.knative.dev/v1/services", CONFIG_MAPS, "/backup", "/x"];
  const answers = await Promise.all(asked.map((path) => server.ask(path, { token: "bob" })));
  assert.deepEqual(
    answers.map(({ code }) => code),
    [200, 403, 403, 403, 403],
  );
  assert.deepEqual(answers[1]?.body, {
    ...{ apiVersion: "v1", kind: "Status", metadata: {}, status: "Failure", reason: "Forbidden" },
    message:
      'services.serving.knative.dev is forbidden: User "bob" cannot list resource "services" in ' +
      'API group "serving.knative.dev" at the cluster scope',
    details: { group: "serving.knative.dev", kind: "services" },
    code: 403,
  });
  const decisions = server.audited.map(({ decision }) => decision).sort();
  assert.deepEqual(decisions, ["allow", "forbid", "forbid", "forbid", "forbid"]);
});

test("who acts as another acts as them in all, and is named in the audit log", async () => {
  await using server = await TestServer.start({ users: { bob: BOB } });
  const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
  const as = (token: string, more: object) => {
    const headers = { "impersonate-user": "olga", ...more };
    return server.ask(path, { method: "POST", token, headers, body: "{}" });
  };
  const groups = { "impersonate-group": ["a", "cn=b, dc=example"] };
  const { body } = await as("admin", { ...groups, "impersonate-extra-why%2fx": "y" });
  assert.deepEqual((body["status"] as { readonly userInfo: unknown }).userInfo, {
    username: "olga",
    groups: ["a", "cn=b, dc=example", "system:authenticated"],
    extra: { "why/x": ["y"] },
  });
  const [{ caller, impersonator } = assert.fail("nothing was noted")] = server.audited;
  assert.deepEqual([caller?.user, impersonator?.user], ["olga", "varve-admin"]);
  assert.equal((await as("bob", {})).code, 403);
  assert.equal((await as("admin", { "impersonate-user": "" })).code, 201);
  assert.equal((await as("admin", { ...groups, "impersonate-user": "" })).code, 400);
});

test("whoever is unknown is refused before their body is read", async () => {
  await using server = await TestServer.start();
  const body = Buffer.alloc(1024 * 1024);
  const { code } = await server.ask(CONFIG_MAPS, { method: "POST", token: "wrong", body });
  assert.equal(code, 401);
  assert.deepEqual(
    server.audited.map(({ decision, code, caller }) => ({ decision, code, caller })),
    [{ decision: "unauthenticated", code: 401, caller: undefined }],
  );
});

test("who guesses tokens is told to wait", async () => {
  await using server = await TestServer.start();
  const guesses = Array.from({ length: 90 }, (_, index) => `guess-${index}`);
  const answers = await Promise.all(guesses.map((token) => server.ask("/api", { token })));
  const codes = new Set(answers.map(({ code }) => code));
  assert.deepEqual(codes, new Set([401, 429]));
  assert.equal((await server.ask("/api", { token: "admin" })).code, 200);
});

test("a user has so many requests, and others have theirs", async () => {
  const eve = { user: "eve", groups: [] };
  const more = { requestsPerSecond: 1 };
  await using server = await TestServer.start({ users: { bob: BOB, eve }, more });
  const answers = [];
  for (let times = 0; times < 5; times += 1)
    answers.push(await server.ask("/api", { token: "bob" }));
  const last = answers.at(-1);
  assert.deepEqual([answers[0]?.code, last?.code], [200, 429]);
  assert.equal(last?.headers["retry-after"], "1");
  assert.deepEqual(last?.body["details"], { retryAfterSeconds: 1 });
  assert.match(String(last?.body["message"]), /too many requests of "bob": 1 requests a second/);
  assert.equal((await server.ask("/api", { token: "eve" })).code, 200);
  for (let times = 0; times < 5; times += 1) {
    assert.equal((await server.ask("/api", { token: "admin" })).code, 200);
  }
  assert.equal(server.audited.filter(({ decision }) => decision === "limited").length > 0, true);
});

test("a user has so many watches open, and others have theirs", async () => {
  const eve = { user: "eve", groups: [] };
  const more = { streamsPerUser: 2 };
  await using server = await TestServer.start({ users: { bob: BOB, eve }, more });
  await letAll(server, "watch", ["bob", "eve"]);
  const watched = `${CONFIG_MAPS}?watch=true&timeoutSeconds=2`;
  const ask = (token: string) => server.ask(watched, { token });
  const open = [ask("bob"), ask("bob"), ask("bob"), ask("eve"), ask("admin"), ask("admin")];
  open.push(ask("admin"));
  const refused = await Promise.race(open);
  assert.deepEqual([refused.code, refused.headers["retry-after"]], [429, "1"]);
  const rule = /"bob" has too many open: 2 watches and followed logs .*--streams-per-user/;
  assert.match(String(refused.body["message"]), rule);
  const codes = (await Promise.all(open)).map(({ code }) => code);
  assert.deepEqual(codes.toSorted(), [200, 200, 200, 200, 200, 200, 429]);
  assert.equal((await ask("bob")).code, 200, "those that ended are not counted");
});

test("a body that is too large is 413, and is in the audit log", async () => {
  await using server = await TestServer.start();
  const { apiVersion, kind } = NAMESPACE;
  await put(server.store, { apiVersion, kind, metadata: { name: "default" } });
  const data = { a: "x".repeat(3 * 1024 * 1024) };
  const body = JSON.stringify({ metadata: { name: "big" }, data });
  const answer = await server.ask(CONFIG_MAPS, { method: "POST", token: "admin", body });
  assert.deepEqual([answer.code, answer.body["reason"]], [413, "RequestEntityTooLarge"]);
  const [{ decision, code, asked } = assert.fail("nothing was noted")] = server.audited;
  assert.deepEqual([decision, code, asked.verb], ["allow", 413, "create"]);
});

test("an audit line has no body in it, and is never long", async () => {
  await using server = await TestServer.start();
  const name = "n".repeat(1000);
  const body = JSON.stringify({ metadata: { name }, data: { secret: "canary" } });
  await server.ask(`${CONFIG_MAPS}/${name}`, { method: "PUT", token: "admin", body });
  const [entry = assert.fail("nothing was noted")] = server.audited;
  const line = auditLine(entry);
  assert.doesNotMatch(line, /canary/);
  assert(line.length < 1500, line);
});

test("to apply what is not there, one must be allowed to create it", async () => {
  await using server = await TestServer.start({ users: { bob: BOB } });
  const { apiVersion, kind } = NAMESPACE;
  await put(server.store, { apiVersion, kind, metadata: { name: "default" } });
  await letAll(server, "patch", ["bob"]);
  const headers = { "content-type": "application/apply-patch+yaml" };
  const body = JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" } });
  const asked = { method: "PATCH", headers, body };
  const path = `${CONFIG_MAPS}/c?fieldManager=test`;
  const refused = await server.ask(path, { ...asked, token: "bob" });
  assert.match(String(refused.body["message"]), /"c" is forbidden: User "bob" cannot create resou/);
  assert.equal((await server.ask(path, { ...asked, token: "admin" })).code, 201);
  assert.equal((await server.ask(path, { ...asked, token: "bob" })).code, 200);
});

/** Lets these users do one thing with all ConfigMaps. */
async function letAll({ store }: TestServer, verb: string, users: readonly string[]) {
  const of = { apiVersion: "rbac.authorization.k8s.io/v1", metadata: { name: verb } };
  const rules = [{ verbs: [verb], apiGroups: [""], resources: ["configmaps"] }];
  await put(store, { ...of, kind: "ClusterRole", rules } as never);
  const roleRef = { kind: "ClusterRole", name: verb };
  const subjects = users.map((name) => ({ kind: "User", name }));
  await put(store, { ...of, kind: "ClusterRoleBinding", roleRef, subjects } as never);
}

for (const { title, sent } of [
  { title: "a head", sent: "GET / HTTP/1.1\r\nhost: x\r\n" },
  { title: "a body", sent: "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf" },
  {
    title: "a streamed body",
    sent: "POST /stream HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf",
  },
]) {
  test(`who takes too long over ${title} is cut off`, async () => {
    const nowMs = systemClock.now();
    const issuer = await makeCertificate({ name: "authority", nowMs, days: 1 });
    const tls = await makeCertificate({ name: "api", hosts: HOSTS, issuer, nowMs, days: 1 });
    await using server = makeHttpServer({
      ...{ tls, bodyBytesMax: 1000, headMs: 200, bodyMs: 200, pauseMs: 200 },
      onError: () => ({ code: 500 }),
      onUnknown: () => ({ code: 404 }),
    });
    const read = async ({
      stream = [],
    }: {
      readonly stream?: AsyncIterable<unknown> | [] | undefined;
    }) => {
      for await (const _chunk of stream);
      return { code: 200 };
    };
    server.route("POST", "/", () => ({ code: 200 }));
    server.route("POST", "/stream", read, { isStreamed: true });
    const port = await server.listen({ host: "127.0.0.1", port: 0 });
    const socket = connect({ port, host: "127.0.0.1", ca: issuer.cert });
    socket.on("error", () => {});
    await once(socket, "secureConnect");
    socket.write(sent);
    let answer = "";
    socket.on("data", (chunk) => {
      answer += String(chunk);
    });
    await once(socket, "close");
    assert.match(answer, /^HTTP\/1.1 408 /);
  });
}
