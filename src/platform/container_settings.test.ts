import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, readConfig } from "./config.ts";

const ENV = { HOME: "/home/me" };
const enginesOf = (args: readonly string[], more = {}) =>
  readConfig(args, { ...ENV, ...more }).engines;
const UNIX = { kind: "unix", path: "/run/other.sock" };

test("the engine is where the flag says, or DOCKER_HOST, or where engines usually are", () => {
  const named = { DOCKER_HOST: "unix:///run/other.sock" };
  const tcp = { kind: "tcp", host: "127.0.0.1", port: 2375 };
  assert.deepEqual(enginesOf(["--containers", "tcp://127.0.0.1:2375"], named), [tcp]);
  assert.deepEqual(enginesOf([], named), [UNIX]);
  assert.equal(enginesOf([]).length > 1, true);
  assert.deepEqual(enginesOf(["--containers", "off"], named), []);
});

test("a DOCKER_HOST that is of no use is told of when an engine is needed, and no error", () => {
  const [engine] = enginesOf([], { DOCKER_HOST: "ssh://me@example.com" });
  assert.equal(engine?.kind, "unusable");
  assert.match(JSON.stringify(engine), /DOCKER_HOST is .*ssh:.* want unix/);
});

const BAD = [
  {
    args: ["--containers", "yes"],
    says: /--containers \(VARVE_CONTAINERS\) is "yes": want auto, off/,
  },
  {
    args: ["--insecure-registries", "http://a"],
    says: /is "http:\/\/a": want hosts as/,
  },
];

for (const { args, says } of BAD)
  test(`${args.join(" ")} is refused with the rule`, () => {
    assert.throws(
      () => readConfig(args, ENV),
      (thrown) => {
        assert(thrown instanceof ConfigError);
        assert.match(thrown.message, says);
        return true;
      },
    );
  });

test("registries over plain HTTP are named as images name them", () => {
  const { insecureRegistries } = readConfig(["--insecure-registries", "a.example:5000, B"], ENV);
  assert.deepEqual(insecureRegistries, ["a.example:5000", "b"]);
});
