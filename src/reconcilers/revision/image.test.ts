import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../test/world/model_images.ts";
import { serviceOf, told, type Wish } from "../../../test/world/serving.ts";
import { World } from "../../../test/world/world.ts";
import { EVENT } from "../../api/event.ts";
import type { Draft } from "../../api/meta.ts";
import { POD } from "../../api/pod.ts";
import { REVISION } from "../../api/revision.ts";
import { SECRET, type Secret } from "../../api/secret.ts";
import { SERVICE } from "../../api/service.ts";
import { OciError } from "../../oci/oci.ts";
import { credentialsFor } from "../pull_secrets.ts";

const NAME = "hello-00001";
const LATEST = "example.com/hello:latest";
const ONE = digestOf("one");
const TWO = digestOf("two");

test("a tag is asked for anew with each Revision, and means the same to one for ever", async () => {
  await using world = await World.make();
  world.images.remote.set(LATEST, ONE);
  await apply(world, { image: LATEST });
  world.images.remote.set(LATEST, TWO);
  await apply(world, { image: LATEST, template: { labels: { again: "1" } } });
  const digest = (name: string) => world.get(REVISION, name).status?.containerStatuses;
  const [one, two] = [NAME, "hello-00002"].map((name) => digest(name)?.[0]?.imageDigest);
  assert.deepEqual([one, two], [`example.com/hello@${ONE}`, `example.com/hello@${TWO}`]);
});

test("what the registry does not give is taken from here if it is here, and told", async () => {
  await using world = await World.make();
  world.images.add(ONE);
  await world.images.tag(LATEST, ONE);
  world.images.remote.set(LATEST, new OciError("UNAVAILABLE", "connection refused"));
  await apply(world, { image: LATEST });
  assert.equal(ready(world), "True");
  const [event] = world.list(EVENT).filter(({ reason }) => reason === "ImageFromHere");
  const why = `Unable to fetch image "${LATEST}": connection refused`;
  assert.equal(event?.message, `Using the copy of the image that is here: ${why}`);
});

test("no registry is asked for what is only here, and what is not here may be loaded", async () => {
  await using world = await World.make();
  const image = "varve.local/hello:1";
  await apply(world, { image });
  const why = "it was made on this server, and is not here; load it again, or deploy it anew";
  assert.equal(ready(world), `False ContainerMissing: Unable to find image "${image}": ${why}`);
  world.images.add(ONE);
  await world.images.tag(image, ONE);
  world.pass(10);
  await world.settle();
  assert.deepEqual([ready(world), world.images.pulls], ["True", 0]);
});

test("a password for the registry is tried as soon as it is there", async () => {
  await using world = await World.make();
  world.images.passwords.set(LATEST, "s3cret");
  const { spec, ...service } = serviceOf("hello", { image: LATEST });
  const imagePullSecrets = [{ name: "registry" }];
  const template = { spec: { ...spec.template?.spec, imagePullSecrets } };
  await world.client.create({ ...service, spec: { template } });
  await world.settle();
  const refused = `Unable to fetch image "${LATEST}": authentication required`;
  assert.equal(ready(world), `False ContainerMissing: ${refused}`);
  await world.client.create(dockerSecret({ "example.com": { auth: encoded("me:s3cret") } }));
  await world.settle();
  assert.equal(ready(world), "True");
});

test("an image that was lost here is fetched again, by its digest, when it is needed", async () => {
  await using world = await World.make();
  world.images.remote.set(LATEST, ONE);
  await apply(world, { image: LATEST });
  world.images.lose(ONE);
  world.images.remote.set(LATEST, TWO);
  world.images.remote.set(`example.com/hello@${ONE}`, ONE);
  const [pod] = world.list(POD);
  assert(pod !== undefined);
  await world.client.delete(pod);
  await world.settle();
  assert.equal(world.runtime.list()[0]?.spec.image, ONE);
  assert.equal(ready(world), "True");
});

test("an image that was built here and lost here can only be built again", async () => {
  await using world = await World.make();
  const template = { annotations: { "varve.dev/source": "https://example.com/hello.git" } };
  await apply(world, { image: "", template });
  world.images.add(ONE);
  world.builder.report("default/hello-00001", { phase: "Succeeded", image: ONE });
  await world.settle();
  assert.equal(ready(world), "True");
  world.images.lose(ONE);
  const [pod] = world.list(POD).filter(({ metadata }) => !metadata.name.endsWith("-build"));
  assert(pod !== undefined);
  await world.client.delete(pod);
  await world.settle();
  assert.match(ready(world) ?? "", /^False ContainerMissing: Unable to find image "varve.local/);
});

const CREDENTIALS = { username: "me", password: "a:b" };
for (const { title, image, auths } of [
  {
    title: "by the host of the image",
    image: "example.com/hello",
    auths: { "https://example.com/v2/": { auth: encoded("me:a:b") } },
  },
  {
    title: "for Docker Hub by any of its names",
    image: "library/nginx",
    auths: { "https://index.docker.io/v1/": CREDENTIALS },
  },
  {
    title: "with a port",
    image: "localhost:5000/hello",
    auths: { "localhost:5000": CREDENTIALS },
  },
]) {
  test(`credentials are found ${title}`, async () => {
    await using world = await World.make();
    await world.client.create(dockerSecret(auths));
    const imagePullSecrets = [{ name: "nobody" }, { name: "registry" }];
    const puller = { namespace: "default", imagePullSecrets };
    const secrets = {
      get: () => world.find(SECRET, "registry"),
      list: () => [],
      controlledBy: () => [],
    };
    assert.deepEqual(credentialsFor(image, puller, secrets), CREDENTIALS);
    assert.equal(credentialsFor("other.com/x", puller, secrets), undefined);
  });
}

function dockerSecret(auths: object) {
  const data = { ".dockerconfigjson": encoded(JSON.stringify({ auths })) };
  const metadata = { namespace: "default", name: "registry" };
  const type = "kubernetes.io/dockerconfigjson";
  return { apiVersion: "v1", kind: "Secret", metadata, type, data } satisfies Draft<Secret>;
}

function encoded(text: string): string {
  return Buffer.from(text).toString("base64");
}

async function apply(world: World, wish: Wish): Promise<void> {
  await world.apply(SERVICE, serviceOf("hello", wish));
  await world.settle();
}

function ready(world: World): string | undefined {
  return told(world.get(REVISION, NAME))["Ready"];
}
