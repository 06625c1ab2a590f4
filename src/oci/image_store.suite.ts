import assert from "node:assert/strict";
import { existsSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import type { Digest, ImageStore } from "./oci.ts";
import { digestOf, makeTestImage, piecesOf, type TestImage, tarOf } from "./test_image.ts";
import { treeOf } from "./test_tree.ts";

export interface SuiteOptions {
  /** A new and empty store, started; the caller disposes of it after the test. */
  readonly makeStore: () => Promise<ImageStore>;
  /** A new and empty directory. */
  readonly makeDirectory: () => string;
}

const HELLO = Buffer.from("hello ".repeat(1000));
const MISSING: Digest = `sha256:${"0".repeat(64)}`;

/** What every driver of `ImageStore` does. */
export function imageStoreSuite(options: SuiteOptions): void {
  blobSuite(options);
  imageSuite(options);
  nameSuite(options);
  collectSuite(options);
  unpackSuite(options);
  placeSuite(options);
  refusalSuite(options);
}

function blobSuite({ makeStore }: SuiteOptions): void {
  test("a blob is read as it was stored, also when it is stored twice at once", async () => {
    const store = await makeStore();
    const [one, two] = await Promise.all([
      store.putBlob(piecesOf(HELLO)),
      store.putBlob(piecesOf(HELLO), digestOf(HELLO)),
    ]);
    assert.deepEqual([one.digest, one.size], [digestOf(HELLO), HELLO.length]);
    assert.deepEqual(two, one);
    assert.equal(await store.blobBytes(one.digest), HELLO.length);
    assert.deepEqual(await buffer(await store.readBlob(one.digest)), HELLO);
  });

  test("content that is not what its digest says is refused, and not kept", async () => {
    const store = await makeStore();
    await assert.rejects(store.putBlob(piecesOf(HELLO), MISSING), {
      reason: "DIGEST_INVALID",
      message: `Cannot store blob ${MISSING}: what came is ${digestOf(HELLO)}, 6000 bytes`,
    });
    assert.equal(await store.blobBytes(digestOf(HELLO)), undefined);
  });

  test("content that breaks off is not kept, and its own error comes back", async () => {
    const store = await makeStore();
    async function* broken() {
      yield HELLO;
      throw new Error("the cable is out");
    }
    await assert.rejects(store.putBlob(broken()), { message: "the cable is out" });
    assert.equal(await store.blobBytes(digestOf(HELLO)), undefined);
  });

  test("a blob that is not here, and a digest that is none, are told by reason", async () => {
    const store = await makeStore();
    assert.equal(await store.blobBytes(MISSING), undefined);
    await assert.rejects(store.readBlob(MISSING), { reason: "BLOB_UNKNOWN" });
    await assert.rejects(store.image(MISSING), { reason: "MANIFEST_UNKNOWN" });
    await assert.rejects(store.readBlob("sha256:../../index.json"), { reason: "DIGEST_INVALID" });
  });
}

function imageSuite({ makeStore }: SuiteOptions): void {
  test("an image is what was put, and its digest is that of its manifest", async () => {
    const store = await makeStore();
    const { manifest, config } = await putBlobs(store, await makeTestImage());
    const image = await store.putImage(manifest);
    assert.deepEqual(image, {
      digest: digestOf(Buffer.from(JSON.stringify(manifest))),
      manifest,
      config,
    });
    assert.deepEqual(await store.image(image.digest), image);
    assert.deepEqual(await store.putImage(manifest), image);
  });

  test("a manifest stored as a blob is an image too, with the digest of its text", async () => {
    const store = await makeStore();
    const { digest, manifest } = await putAll(store, await makeTestImage());
    assert.deepEqual((await store.image(digest)).manifest, manifest);
  });

  test("a manifest is refused while a blob of it is missing or of another size", async () => {
    const store = await makeStore();
    const { manifest, blobs } = await makeTestImage();
    const [layer] = manifest.layers;
    assert(layer !== undefined);
    for (const [digest, bytes] of blobs) {
      if (digest !== layer.digest) await store.putBlob(piecesOf(bytes));
    }
    await assert.rejects(store.putImage(manifest), {
      reason: "MANIFEST_INVALID",
      message: `Cannot store an image: its blob ${layer.digest} is not here`,
    });
    await store.putBlob(piecesOf(blobs.get(layer.digest) ?? HELLO));
    const wrong = { ...manifest, layers: [{ ...layer, size: layer.size + 1 }] };
    await assert.rejects(store.putImage(wrong), { reason: "MANIFEST_INVALID" });
  });

  test("a blob that is no manifest is no image", async () => {
    const store = await makeStore();
    const { digest } = await store.putBlob(piecesOf(HELLO));
    await assert.rejects(store.image(digest), { reason: "MANIFEST_UNKNOWN" });
    const config = { mediaType: "x", digest, size: HELLO.length };
    const manifest = { schemaVersion: 2, mediaType: "x", config, layers: [] } as const;
    await assert.rejects(store.putImage(manifest), { reason: "MANIFEST_INVALID" });
  });
}

function collectSuite({ makeStore }: SuiteOptions): void {
  test("what is neither kept nor named nor new is collected, and nothing else", async () => {
    const store = await makeStore();
    const images = await Promise.all(
      ["kept", "named", "idle"].map(async (text) => {
        return await putAll(store, await makeTestImage({ layers: [{ shared: "" }, { text }] }));
      }),
    );
    const [kept, named, idle] = images.map(({ digest }) => digest) as [Digest, Digest, Digest];
    const source = await store.putBlob(piecesOf(HELLO));
    await store.tag("named:1", named);
    assert.equal(await store.collect(new Set([kept, source.digest]), 3_600_000), 0);
    assert.ok((await store.collect(new Set([kept, source.digest]), -3_600_000)) > 0);
    await assert.rejects(store.image(idle), { reason: "MANIFEST_UNKNOWN" });
    for (const digest of [kept, named]) {
      const { manifest } = await store.image(digest);
      for (const { digest: part } of manifest.layers) assert.ok(await store.blobBytes(part));
    }
    assert.equal(await store.blobBytes(source.digest), HELLO.length);
    await store.collect(new Set(), -3_600_000);
    assert.equal(await store.blobBytes(source.digest), undefined);
  });
}

function nameSuite({ makeStore }: SuiteOptions): void {
  test("a name means the image it was last given to, however it is written", async () => {
    const store = await makeStore();
    const one = await putAll(store, await makeTestImage());
    const two = await putAll(store, await makeTestImage({ layers: [{ other: "" }] }));
    await store.tag("nginx", one.digest);
    assert.equal(await store.resolve("docker.io/library/nginx:latest"), one.digest);
    await Promise.all([store.tag("nginx:latest", two.digest), store.tag("nginx:1", one.digest)]);
    assert.equal(await store.resolve("nginx"), two.digest);
    assert.equal(await store.resolve("nginx:1"), one.digest);
    assert.equal(await store.resolve("nginx:2"), undefined);
  });

  test("a name with a digest means that image, when it is here", async () => {
    const store = await makeStore();
    const { digest } = await putAll(store, await makeTestImage());
    assert.equal(await store.resolve(`any.example/name:tag@${digest}`), digest);
    assert.equal(await store.resolve(`any.example/name@${MISSING}`), undefined);
  });

  test("only images that are here get names, and only names that can be read", async () => {
    const store = await makeStore();
    await assert.rejects(store.tag("nginx", MISSING), { reason: "MANIFEST_UNKNOWN" });
    await assert.rejects(store.resolve("No Name"), { reason: "NAME_INVALID" });
  });
}

function unpackSuite({ makeStore, makeDirectory }: SuiteOptions): void {
  test("layers lie over one another: files replace files, whiteouts remove", async () => {
    const store = await makeStore();
    const layers = [
      { etc: { mode: 0o755 }, "etc/a": "1", "etc/b": "1", "d/old/x": "1", "o/x": "1" },
      { "etc/.wh.a": "", "etc/b": "2", "d/.wh.old": "", "d/new": "2", "o/y": "2" },
      { "o/z": "3", "o/.wh..wh..opq": "", "d/.wh.nothing": "", "none/.wh.x": "" },
    ];
    const to = join(makeDirectory(), "to");
    for (const press of ["none", "gzip", "zstd"] as const) {
      const { digest } = await putAll(store, await makeTestImage({ layers, press }));
      await store.unpack(digest, `${to}-${press}`);
      assert.deepEqual(treeOf(`${to}-${press}`), {
        d: { new: "2" },
        etc: { b: "2" },
        o: { z: "3" },
      });
    }
  });

  test("a link in an image is as if its root were that of the machine", async () => {
    const store = await makeStore();
    const layers = [
      { "usr/lib/a": "1", lib: { link: "/usr/lib" }, up: { link: "../../../.." } },
      { "lib/b": "2", "up/c": "2", "usr/lib/d": { hard: "lib/a" }, gone: { link: "/etc/passwd" } },
      { "lib/.wh.a": "", gone: "3" },
    ];
    const to = join(makeDirectory(), "to");
    const { digest } = await putAll(store, await makeTestImage({ layers }));
    await store.unpack(digest, to);
    assert.deepEqual(treeOf(to), {
      c: "2",
      gone: "3",
      lib: "-> /usr/lib",
      up: "-> ../../../..",
      usr: { lib: { b: "2", d: "1" } },
    });
    assert.equal(existsSync(join(to, "../c")), false);
  });

  test("modes are kept, but what would give away rights or lock us out is not", async () => {
    const store = await makeStore();
    const layer = {
      "bin/su": { text: "1", mode: 0o4755 },
      "bin/key": { text: "1", mode: 0o440 },
      closed: { mode: 0o555 },
      "closed/x": { text: "1", mode: 0o777 },
    };
    const to = join(makeDirectory(), "to");
    await store.unpack((await putAll(store, await makeTestImage({ layers: [layer] }))).digest, to);
    const modes = ["", "bin", "bin/su", "bin/key", "closed", "closed/x"].map((path) => {
      return (lstatSync(join(to, path)).mode & 0o7777).toString(8);
    });
    assert.deepEqual(modes, ["755", "755", "755", "440", "755", "777"]);
  });
}

function placeSuite({ makeStore, makeDirectory }: SuiteOptions): void {
  test("two who ask at once for one place share the work, and a place is used once", async () => {
    const store = await makeStore();
    const one = await putAll(store, await makeTestImage());
    const two = await putAll(store, await makeTestImage({ layers: [{ other: "" }] }));
    const directory = makeDirectory();
    const to = join(directory, "to");
    const both = [store.unpack(one.digest, to), store.unpack(one.digest, to)];
    await assert.rejects(store.unpack(two.digest, to), { reason: "UNSUPPORTED" });
    await Promise.all(both);
    await assert.rejects(store.unpack(one.digest, to), {
      reason: "UNSUPPORTED",
      message: `Cannot unpack image ${one.digest} into "${to}": it exists`,
    });
    assert.deepEqual(readdirSync(directory), ["to"]);
  });
}

function refusalSuite({ makeStore, makeDirectory }: SuiteOptions): void {
  const refusals = {
    "a path with ..": [{ first: "1", "../evil": "2" }],
    "a whiteout of the directory above": [{ first: "1" }, { ".wh...": "" }],
    "links in a circle": [{ a: { link: "b" }, b: { link: "a" }, "a/x": "1" }],
    "a hard link to nothing": [{ a: { hard: "b" } }],
  };
  for (const [title, layers] of Object.entries(refusals)) {
    test(`an image with ${title} is refused, and nothing is left of it`, async () => {
      const store = await makeStore();
      const directory = makeDirectory();
      const { digest } = await putAll(store, await makeTestImage({ layers }));
      const to = join(directory, "to");
      await assert.rejects(store.unpack(digest, to), { reason: "MANIFEST_INVALID" });
      assert.deepEqual(readdirSync(directory), []);
    });
  }

  test("a layer that is not the one of the configuration is refused", async () => {
    const store = await makeStore();
    const directory = makeDirectory();
    mkdirSync(join(directory, "a"));
    const { manifest } = await putBlobs(store, await makeTestImage());
    const other = await store.putBlob(piecesOf(await tarOf({ evil: "1" })));
    const mediaType = "application/vnd.oci.image.layer.v1.tar";
    const { digest } = await store.putImage({ ...manifest, layers: [{ ...other, mediaType }] });
    const to = join(directory, "a/to");
    await assert.rejects(store.unpack(digest, to), { reason: "MANIFEST_INVALID" });
    assert.deepEqual(readdirSync(directory, { recursive: true }), ["a"]);
  });
}

async function putBlobs(store: ImageStore, image: TestImage): Promise<TestImage> {
  for (const [digest, bytes] of image.blobs) {
    if (digest !== image.digest) await store.putBlob(piecesOf(bytes), digest);
  }
  return image;
}

async function putAll(store: ImageStore, image: TestImage): Promise<TestImage> {
  for (const [digest, bytes] of image.blobs) await store.putBlob(piecesOf(bytes), digest);
  return image;
}
