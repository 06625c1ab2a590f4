import assert from "node:assert/strict";
import { test } from "node:test";
import { isReason } from "./error.ts";
import { readSource, type Source, whyBadSource, writeSource } from "./source.ts";

const DIGEST = `sha256:${"0a".repeat(32)}` as const;

const READABLE: readonly { readonly text: string; readonly source: Source }[] = [
  { text: `upload:${DIGEST}`, source: { type: "upload", digest: DIGEST } },
  { text: `upload:${DIGEST}#:web`, source: { type: "upload", digest: DIGEST, subPath: "web" } },
  { text: "https://a.example/b.git", source: { type: "git", url: "https://a.example/b.git" } },
  {
    text: "https://a.example/b#v1.2:web/site",
    source: { type: "git", url: "https://a.example/b", revision: "v1.2", subPath: "web/site" },
  },
  {
    text: "git@a.example:me/b.git#feature/x",
    source: { type: "git", url: "git@a.example:me/b.git", revision: "feature/x" },
  },
  {
    text: "ssh://git@a.example/b.zip",
    source: { type: "git", url: "ssh://git@a.example/b.zip" },
  },
  { text: "git@a.example:b.tar", source: { type: "git", url: "git@a.example:b.tar" } },
  { text: "/srv/repository", source: { type: "git", url: "/srv/repository" } },
  { text: "file:///srv/b", source: { type: "git", url: "file:///srv/b" } },
  { text: "/srv/b.tar", source: { type: "archive", url: "/srv/b.tar" } },
  {
    text: "https://a.example/b.tar.gz?token=1#:web",
    source: { type: "archive", url: "https://a.example/b.tar.gz?token=1", subPath: "web" },
  },
  {
    text: "git+https://a.example/b.zip#main",
    source: { type: "git", url: "https://a.example/b.zip", revision: "main" },
  },
  { text: "git+/srv/b.zip", source: { type: "git", url: "/srv/b.zip" } },
  {
    text: "archive+https://a.example/download?id=5",
    source: { type: "archive", url: "https://a.example/download?id=5" },
  },
];

for (const { text, source } of READABLE) {
  test(`"${text}" is read as ${source.type}, and written as it was`, () => {
    assert.deepEqual(readSource(text), source);
    assert.equal(writeSource(source), text);
  });
}

test("why a text is no source can be asked without a throw", () => {
  assert.equal(whyBadSource("https://a.example/b"), undefined);
  assert.equal(whyBadSource("https://a.example/b#a#b"), "there may be one '#'");
});

test("a prefix that was not needed is left out when the source is written", () => {
  const source = readSource("git+https://a.example/b.git");
  assert.equal(writeSource(source), "https://a.example/b.git");
});

for (const { text, why } of [
  { text: "", why: "want upload:sha256:…, or the address of an archive or a git repository" },
  { text: "hello", why: "want upload:sha256:…" },
  { text: "./here", why: "want upload:sha256:…" },
  { text: "upload:sha256:12", why: "want upload:sha256:…" },
  { text: "https://[a/b", why: "want upload:sha256:…" },
  { text: "ext::sh -c evil", why: "want upload:sha256:…" },
  { text: "-u@a.example:b", why: "want upload:sha256:…" },
  { text: "git@-oProxyCommand:b", why: "want upload:sha256:…" },
  { text: "https://a.example/b#a#b", why: "there may be one '#'" },
  {
    text: "https://a.example/b#:../c",
    why: 'the subdirectory "../c" must be inside of the source',
  },
  { text: "https://a.example/b#:/c", why: 'the subdirectory "/c" must be inside of the source' },
  { text: "https://a.example/b#--upload-pack=x", why: 'the revision "--upload-pack=x" is no name' },
  { text: "https://a.example/b#a..b", why: 'the revision "a..b" is no name of a branch' },
  { text: "https://a.example/b#HEAD~1", why: 'the revision "HEAD~1" is no name of a branch' },
  { text: "https://a.example/b.zip#main", why: "an archive has no revisions" },
  { text: `upload:${DIGEST}#main`, why: "an upload has no revisions" },
  { text: "archive+ssh://a.example/b", why: "an archive is fetched by http, https or file" },
]) {
  test(`"${text}" is refused: ${why}`, () => {
    assert.throws(
      () => readSource(text),
      (thrown: Error) => {
        assert(isReason(thrown, "BadRequest"));
        assert(
          thrown.message.startsWith(`Cannot read the source "${text}": ${why}`),
          thrown.message,
        );
        return true;
      },
    );
  });
}
