import assert from "node:assert/strict";
import { test } from "node:test";
import { explainRequestOf } from "./explain_request.ts";

function read(query: string) {
  return explainRequestOf(new URLSearchParams(query));
}

test("what is asked about is read as a client would send it, dots and all", () => {
  assert.deepEqual(read("url=https://Shop.example.com:8443/api/../x%2f?a=b%26c%23d&method=put"), {
    ...{ method: "PUT", target: "/api/../x/?a=b&c", host: "Shop.example.com:8443" },
    ...{ client: "127.0.0.1", isTls: true, headers: {} },
  });
  assert.equal(read("url=shop.example.com").target, "/");
  assert.equal(read("url=bücher.example").host, "xn--bcher-kva.example");
  assert.equal(read("url=shop.example.com?q").target, "/?q");
  assert.equal(read("url=shop.example.com/a b/%25C3%25A9/é").target, "/a%20b/%C3%A9/%C3%A9");
});

test("headers of one name are one, and Host is where it goes", () => {
  const { host, headers } = read(
    "url=a.b/&header=X-A: 1&header=x-a:2&header=Cookie: a=1&header=cookie: b=2&header=Host: c.d",
  );
  assert.equal(host, "c.d");
  assert.deepEqual(headers, { "x-a": "1, 2", cookie: "a=1; b=2", host: "c.d" });
});

for (const [query, says] of [
  ["url=", 'the url "": want ?url=HOST/PATH'],
  ["url=/x", 'the url "/x": want ?url=HOST/PATH'],
  ["url=ftp://a.b/x", 'the url "ftp://a.b/x": want ?url=HOST/PATH'],
  ["url=user@a.b/x", 'the url "user@a.b/x"'],
  ["url=a.b&client=me", 'the client "me": want an address, such as 192.0.2.1'],
  ["url=a.b&method=GE T", 'the method "GE T": want one such as GET'],
  ["url=a.b&header=X A: 1", 'the header "X A: 1": want "NAME: VALUE"'],
] as const) {
  test(`what nobody could send is refused: ${says}`, () => {
    assert.throws(
      () => read(query),
      (thrown: Error) => thrown.message.includes(says),
    );
  });
}
