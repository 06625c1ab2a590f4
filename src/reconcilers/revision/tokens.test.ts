import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceOf, told } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { NOW } from "../../../test/world/world_clock.ts";
import { EVENT } from "../../api/event.ts";
import { POD } from "../../api/pod.ts";
import { REVISION } from "../../api/revision.ts";
import { SERVICE } from "../../api/service.ts";
import { SERVICE_ACCOUNT, type ServiceAccount } from "../../api/service_account.ts";
import type { Volume } from "../../api/volume.ts";
import { timestampOf } from "../../base/clock.ts";

type Token = NonNullable<
  NonNullable<NonNullable<Volume["projected"]>["sources"]>[number]["serviceAccountToken"]
>;
const HOUR = 3600;

test("each instance has a token of its own, once the ServiceAccount is there", async () => {
  await using world = await World.make();
  await deploy(world, { path: "deep/token", audience: "vault" }, { runAsUser: 7 });
  const missing =
    'ServiceAccount "robot" not found, and the volume "identity" mounts a token of it';
  assert.equal(
    told(world.get(REVISION, "hello-00001"))["Ready"],
    `False ReferenceMissing: ${missing}.`,
  );
  await addRobot(world);
  await world.settle();
  const [file] = filesOf(world);
  assert.deepEqual([file?.path, file?.mode, file?.owner], ["deep/token", 0o440, 7]);
  const { aud, sub, iat = 0, exp = 0, ...more } = claimsOf(world);
  const [pod] = world.list(POD);
  assert.deepEqual([aud, sub, exp - iat], [["vault"], "system:serviceaccount:default:robot", HOUR]);
  const bound = { name: pod?.metadata.name, uid: pod?.metadata.uid };
  assert.deepEqual(more["kubernetes.io"].pod, bound);
});

for (const { title, seconds, renewed } of [
  { title: "when four fifths of its life are over", seconds: 600, renewed: 480 },
  { title: "when it is a day old", seconds: 48 * HOUR, renewed: 24 * HOUR },
]) {
  test(`a token is renewed ${title}`, async () => {
    await using world = await serving({ path: "token", expirationSeconds: seconds });
    const first = tokenOf(world);
    world.pass(renewed - 1);
    await world.settle();
    assert.equal(tokenOf(world), first);
    world.pass(1);
    await world.settle();
    assert.notEqual(tokenOf(world), first);
    const { iat = 0, exp = 0 } = claimsOf(world);
    assert.deepEqual(
      [timestampOf(iat * 1000), exp - iat],
      [timestampOf(Date.parse(NOW) + renewed * 1000), seconds],
    );
  });
}

test("a server that was away when a token ran out renews it at its start", async () => {
  await using before = await serving({ path: "token" });
  const first = tokenOf(before);
  await before[Symbol.asyncDispose]();
  before.context.clock.pass(2 * HOUR);
  await using world = await before.again();
  await world.settle();
  assert.notEqual(tokenOf(world), first);
  assert.equal((await ownerOf(world)).user, "system:serviceaccount:default:robot");
});

test("what cannot be renewed stays as it is, is told of, and tried again later", async () => {
  await using world = await serving({ path: "token", expirationSeconds: 600 });
  const first = tokenOf(world);
  await world.client.delete(world.get(SERVICE_ACCOUNT, "robot"));
  world.pass(480);
  await world.settle();
  assert.equal(tokenOf(world), first);
  const events = () => world.list(EVENT).filter(({ reason }) => reason === "TokenNotRenewed");
  const [pod] = world.list(POD);
  const end = timestampOf(Date.parse(NOW) + 600_000);
  const why = 'serviceaccounts "robot" not found';
  const message = `Cannot renew the token of "default/${pod?.metadata.name}", which ends at ${end}`;
  assert.deepEqual(
    events().map((it) => [it.type, it.message, it.count]),
    [["Warning", `${message}: ${why}`, 1]],
  );
  world.pass(1);
  await world.settle();
  world.pass(1);
  await world.settle();
  assert.equal(events()[0]?.count, 2, "the second pause is longer");
  await addRobot(world);
  world.pass(60);
  await world.settle();
  assert.notEqual(tokenOf(world), first);
  assert.equal((await ownerOf(world)).user, "system:serviceaccount:default:robot");
});

test("a token is good for nothing when its Pod is gone", async () => {
  await using world = await serving({ path: "token" });
  const token = tokenOf(world);
  const [pod] = world.list(POD);
  assert(pod !== undefined);
  const { user, extra } = await ownerOf(world, token);
  assert.equal(user, "system:serviceaccount:default:robot");
  assert.deepEqual(extra?.["authentication.kubernetes.io/pod-name"], [pod.metadata.name]);
  await world.client.delete(pod);
  await world.settle();
  await assert.rejects(
    ownerOf(world, token),
    /the Pod that the token is bound to has been deleted/,
  );
  assert.notEqual(tokenOf(world), token, "another instance has another");
});

test("the identity of a Revision does not know of its tokens", async () => {
  await using world = await serving({ path: "token" });
  const { identity } = world.get(REVISION, "hello-00001").status ?? {};
  world.pass(HOUR);
  await world.settle();
  assert.deepEqual(world.get(REVISION, "hello-00001").status?.identity, identity);
  assert.match(identity?.digest ?? "", /^sha256:/);
});

async function serving(token: Token): Promise<World> {
  const world = await World.make();
  await addRobot(world);
  await deploy(world, token);
  return world;
}

async function deploy(world: World, token: Token, securityContext = {}): Promise<void> {
  const volumeMounts = [{ name: "identity", mountPath: "/var/run/identity" }];
  const minScale = { annotations: { "autoscaling.knative.dev/min-scale": "1" } };
  const service = serviceOf("hello", {
    template: minScale,
    container: { volumeMounts, securityContext },
  });
  const projected = { defaultMode: 0o440, sources: [{ serviceAccountToken: token }] };
  const more = { serviceAccountName: "robot", volumes: [{ name: "identity", projected }] };
  const { template } = service.spec;
  const spec = { template: { ...template, spec: { ...template?.spec, ...more } } };
  await world.apply(SERVICE, { ...service, spec });
  await world.settle();
}

async function addRobot({ client }: World): Promise<void> {
  const { apiVersion, kind } = SERVICE_ACCOUNT;
  const metadata = { namespace: "default", name: "robot" };
  await client.create<ServiceAccount>({ apiVersion, kind, metadata });
}

function filesOf({ runtime }: World) {
  return runtime.list()[0]?.spec.volumes?.[0]?.files ?? [];
}

function tokenOf(world: World): string {
  return Buffer.from(filesOf(world)[0]?.content ?? "", "base64").toString();
}

function claimsOf(world: World) {
  return JSON.parse(Buffer.from(tokenOf(world).split(".")[1] ?? "", "base64url").toString());
}

async function ownerOf(world: World, token = tokenOf(world)) {
  const owner = await world.context.accountTokens.tokens.ownerOf(token, ["https://world.test"]);
  assert(owner !== undefined);
  return owner.caller;
}
