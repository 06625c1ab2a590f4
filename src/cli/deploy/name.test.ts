import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { labelFrom, nameFor } from "./name.ts";
import type { What } from "./what.ts";

const LABELS = [
  ["My App", "my-app"],
  ["héllo_wörld", "hello-world"],
  ["--a--", "a"],
  ["2048", "app-2048"],
  ["x".repeat(80), "x".repeat(63)],
  ["...", undefined],
] as const;
for (const [text, label] of LABELS) {
  test(`"${text.slice(0, 12)}" becomes ${label === undefined ? "no name" : "a DNS label"}`, () => {
    assert.equal(labelFrom(text), label);
  });
}

const git = (url: string, subPath?: string): What => {
  return { type: "source", source: { type: "git", url, ...(subPath && { subPath }) } };
};
const image = (name: string): What => ({ type: "image", image: name, isGuess: false });

const NAMES: readonly (readonly [string, What])[] = [
  ["web-app", { type: "directory", path: "/nowhere/Web App" }],
  ["page", { type: "file", path: "/nowhere/page.html" }],
  ["app", { type: "archive", path: "/nowhere/app.tar.gz" }],
  ["shop", git("https://github.com/acme/shop.git")],
  ["shop", git("git@github.com:acme/shop.git")],
  ["api", git("https://github.com/acme/shop.git", "services/api")],
  ["shop", { type: "source", source: { type: "archive", url: "https://a.b/shop.tgz?x=1" } }],
  ["shop", image("ghcr.io/acme/shop:1.4")],
  ["shop", image(`localhost:5000/shop@sha256:${"0".repeat(64)}`)],
];
for (const [name, what] of NAMES) {
  test(`a ${what.type} without a name is called "${name}" after itself`, async () => {
    assert.equal(await nameFor(what, undefined), name);
  });
}

test("a directory is called what its package.json says, when that can be read", async () => {
  const path = await mkdtemp(join(tmpdir(), "varve-Name-"));
  try {
    const what: What = { type: "directory", path };
    await writeFile(join(path, "package.json"), '{"name":"@acme/web_shop"}');
    assert.equal(await nameFor(what, undefined), "web-shop");
    await writeFile(join(path, "package.json"), "{");
    assert.match(await nameFor(what, undefined), /^varve-name-/);
    assert.equal(await nameFor(what, "mine"), "mine");
  } finally {
    await rm(path, { recursive: true });
  }
});

test("a name that is given must be one, and the refusal says a better one", async () => {
  await assert.rejects(nameFor(image("a"), "My Shop"), (thrown: Error & { hints?: unknown }) => {
    assert.match(thrown.message, /--name is "My Shop": a DNS-1035 label is lower-case letters/);
    assert.deepEqual(thrown.hints, ["For example: --name my-shop"]);
    return true;
  });
  const root: What = { type: "directory", path: "/" };
  await assert.rejects(nameFor(root, undefined), /give one by --name/);
});
