import assert from "node:assert/strict";
import { test } from "node:test";
import { lineOf } from "./client_address.ts";

for (const { address, line } of [
  { address: "2001:db8:1:2:3:4:5:6", line: "2001:db8:1:2::/64" },
  { address: "2001:DB8:0001:02::1", line: "2001:db8:1:2::/64" },
  { address: "2001:db8::1", line: "2001:db8:0:0::/64" },
  { address: "2001:db8::", line: "2001:db8:0:0::/64" },
  { address: "2001::b:c:d:e:f", line: "2001:0:0:b::/64" },
  { address: "3fff:1:2:3::192.0.2.1", line: "3fff:1:2:3::/64" },
]) {
  test(`one client with all of its network: ${address}`, () => {
    assert.equal(lineOf(address), line);
  });
}

for (const address of [
  ...["192.0.2.1", "::1", "::ffff:192.0.2.1", "64:ff9b::192.0.2.1"],
  ...["fd00:1:2:3::4", "fe80::1%lo", "unknown"],
]) {
  test(`a client of its own: ${address}`, () => {
    assert.equal(lineOf(address), address);
  });
}
