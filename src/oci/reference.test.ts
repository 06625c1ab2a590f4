import assert from "node:assert/strict";
import { test } from "node:test";
import { readReference, writeReference } from "./reference.ts";

const DIGEST = `sha256:${"a1".repeat(32)}`;

for (const { name, written, host = "docker.io" } of [
  { name: "nginx", written: "docker.io/library/nginx:latest" },
  { name: "nginx:1.27", written: "docker.io/library/nginx:1.27" },
  { name: "bitnami/nginx", written: "docker.io/bitnami/nginx:latest" },
  { name: "index.docker.io/library/nginx", written: "docker.io/library/nginx:latest" },
  { name: "docker.io/nginx", written: "docker.io/library/nginx:latest" },
  { name: `nginx@${DIGEST}`, written: `docker.io/library/nginx@${DIGEST}` },
  { name: `nginx:1@${DIGEST}`, written: `docker.io/library/nginx:1@${DIGEST}` },
  { name: "ghcr.io/a/b-c/d_e__f.g", written: "ghcr.io/a/b-c/d_e__f.g:latest", host: "ghcr.io" },
  { name: "localhost/a", written: "localhost/a:latest", host: "localhost" },
  { name: "localhost:5000/a:b", written: "localhost:5000/a:b", host: "localhost:5000" },
  { name: "[::1]:5000/a", written: "[::1]:5000/a:latest", host: "[::1]:5000" },
]) {
  test(`"${name}" is written "${written}" in full, and reads the same again`, () => {
    assert.equal(readReference(name).host, host);
    assert.equal(writeReference(readReference(name)), written);
    assert.equal(writeReference(readReference(written)), written);
  });
}

for (const { name, why } of [
  { name: "", why: "a part of its repository is empty" },
  { name: "Nginx", why: '"Nginx" has upper-case letters' },
  { name: "a//b", why: "a part of its repository is empty" },
  { name: "a/../b", why: '".." is not lower-case letters and digits, with ".", "_" or "-"' },
  { name: "a b", why: '"a b" is not lower-case letters and digits' },
  { name: "nginx:", why: 'the tag "" is not up to 128 of letters, digits, "_", "." and "-"' },
  { name: "a.io/nginx:a/b", why: 'the tag "a/b" is not' },
  { name: "nginx@sha256:12", why: 'the digest "sha256:12" is not "sha256:" and 64 hexadecimal' },
  { name: `a@${DIGEST}@${DIGEST}`, why: "there may be one '@'" },
  { name: "-a.example/b", why: '"-a.example" is no host' },
  { name: "http://a.example/b", why: '"http:" is no host' },
  { name: `${"a/".repeat(130)}a`, why: "its repository is over 255 characters" },
  { name: "a".repeat(1025), why: "it is over 1024 characters" },
]) {
  test(`"${name.slice(0, 30)}" is refused: ${why.slice(0, 40)}`, () => {
    assert.throws(
      () => readReference(name),
      (thrown: Error & { reason: string }) => {
        assert.equal(thrown.reason, "NAME_INVALID");
        assert(
          thrown.message.startsWith(`Cannot read the image name "${name}": ${why}`),
          thrown.message,
        );
        return true;
      },
    );
  });
}
