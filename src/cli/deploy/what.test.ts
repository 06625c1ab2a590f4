import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { findWhat } from "./what.ts";

let directory = "";
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "varve-what-"));
  await mkdir(join(directory, "app"));
  for (const name of ["page.html", "app.tar.gz"]) await writeFile(join(directory, name), "");
});
after(() => rm(directory, { recursive: true }));

const DIGEST = `sha256:${"0".repeat(64)}`;
const image = (name: string, isGuess = false) => ({ type: "image", image: name, isGuess });
const git = (url: string, more = {}) => ({ type: "source", source: { type: "git", url, ...more } });

const MEANT = [
  { text: "app", what: () => ({ type: "directory", path: join(directory, "app") }) },
  { text: ".", what: () => ({ type: "directory", path: directory }) },
  { text: "./page.html", what: () => ({ type: "file", path: join(directory, "page.html") }) },
  { text: "app.tar.gz", what: () => ({ type: "archive", path: join(directory, "app.tar.gz") }) },
  { text: "https://a.b/c.git", what: () => git("https://a.b/c.git") },
  {
    text: "https://a.b/c#v1:web",
    what: () => git("https://a.b/c", { revision: "v1", subPath: "web" }),
  },
  { text: "git@a.b:c/d.git", what: () => git("git@a.b:c/d.git") },
  { text: "file:///srv/c", what: () => git("file:///srv/c") },
  {
    text: "https://a.b/c.tgz",
    what: () => ({ type: "source", source: { type: "archive", url: "https://a.b/c.tgz" } }),
  },
  { text: "nginx", what: () => image("nginx", true) },
  { text: "nginx:1.27", what: () => image("nginx:1.27") },
  { text: "ghcr.io/a/b-c_d", what: () => image("ghcr.io/a/b-c_d") },
  { text: "localhost:5000/a:x", what: () => image("localhost:5000/a:x") },
  { text: `a@${DIGEST}`, what: () => image(`a@${DIGEST}`) },
];
for (const { text, what } of MEANT) {
  test(`"${text}" means one thing, by what it looks like and what is there`, async () => {
    assert.deepEqual(await findWhat(text, { directory }), what());
  });
}

const REFUSED = [
  { text: "./missing", says: /There is no file or directory ".*\/missing"/ },
  { text: "/no/such/thing", says: /There is no file or directory/ },
  { text: "No Image", says: /Cannot deploy "No Image": it is no file or directory here/ },
  { text: "ftp://a.b/c", says: /Cannot read the source "ftp:\/\/a.b\/c"/ },
  { text: "https://a.b/c#a#b", says: /there may be one '#'/ },
];
for (const { text, says } of REFUSED) {
  test(`"${text}" is refused`, async () => {
    await assert.rejects(findWhat(text, { directory }), says);
  });
}

test("a revision may be said apart, once, and of git repositories only", async () => {
  const url = "https://a.b/c.git";
  const said = (text: string) => findWhat(text, { directory, revision: "v2" });
  assert.deepEqual(await said(url), git(url, { revision: "v2" }));
  assert.deepEqual(await said(`${url}#v2`), git(url, { revision: "v2" }));
  await assert.rejects(said(`${url}#v1`), /The revision is said twice: "v1" in the address/);
  await assert.rejects(said("app"), /--revision is for git repositories, and "app" is none/);
});
