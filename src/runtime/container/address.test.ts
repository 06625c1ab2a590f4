import assert from "node:assert/strict";
import { test } from "node:test";
import { readEngineAddress, textOfAddress, usualAddresses } from "./address.ts";

const GOOD = ["unix:///run/podman/podman.sock", "tcp://127.0.0.1:2375", "tcp://[::1]:1"];

for (const text of GOOD)
  test(`${text} is the address of an engine`, () => {
    const address = readEngineAddress(text);
    assert(typeof address !== "string", String(address));
    assert.equal(textOfAddress(address), text);
  });

test("a port that is not given is Docker's", () => {
  const address = { kind: "tcp", host: "localhost", port: 2375 };
  assert.deepEqual(readEngineAddress("tcp://localhost"), address);
});

const BAD = [
  { text: "", why: /want unix/ },
  { text: "docker.sock", why: /want unix/ },
  { text: "unix://docker.sock", why: /begins with "\/"/ },
  { text: "ssh://root@example.com", why: /want unix/ },
  { text: "tcp://127.0.0.1:99999", why: /want unix/ },
  { text: "tcp://192.0.2.7:2375", why: /cannot be reached/ },
];

for (const { text, why } of BAD)
  test(`"${text}" is refused, with the rule`, () => {
    assert.match(String(readEngineAddress(text)), why);
  });

test("the machine's Docker is tried first, the user's Podman last", () => {
  const all = usualAddresses({ uid: 7, home: "/home/me", runtimeDirectory: undefined });
  assert.deepEqual(all.map(textOfAddress), [
    "unix:///var/run/docker.sock",
    "unix:///run/user/7/docker.sock",
    "unix:///home/me/.docker/run/docker.sock",
    "unix:///run/podman/podman.sock",
    "unix:///run/user/7/podman/podman.sock",
  ]);
});
