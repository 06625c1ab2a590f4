import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../api/error.ts";
import type { Call } from "../base/call.ts";
import type { Caller } from "./context.ts";
import { type ExplainRequest, sightRoutes } from "./sight_routes.ts";

/** What the gateway is asked about, for this query. */
async function askedFor(query: string): Promise<unknown> {
  const asked: ExplainRequest[] = [];
  const explain = async (request: ExplainRequest) => {
    asked.push(request);
    return {};
  };
  const route = sightRoutes({ explain, metrics: async () => [] }).find(({ path }) =>
    path.endsWith("/explain"),
  );
  const call = { query: new URLSearchParams(query) } as Call;
  await route?.handle(call, {} as Caller);
  return asked[0];
}

const PLAIN = {
  method: "GET",
  host: "a.localhost",
  client: "127.0.0.1",
  isTls: false,
  headers: {},
};

test("a request is explained as it would be sent: its path is not tidied up", async () => {
  const cases = [
    { query: "url=a.localhost", asked: { ...PLAIN, target: "/" } },
    { query: "url=a.localhost/a/../b%3Fc%23d", asked: { ...PLAIN, target: "/a/../b?c" } },
    { query: "url=a.localhost?x=1", asked: { ...PLAIN, target: "/?x=1" } },
    { query: "url=a.localhost/ä b", asked: { ...PLAIN, target: "/%C3%A4%20b" } },
    { query: "url=HTTPS://a.localhost/", asked: { ...PLAIN, target: "/", isTls: true } },
    { query: "url=b.localhost:80/", asked: { ...PLAIN, host: "b.localhost:80", target: "/" } },
    { query: "url=bücher.de", asked: { ...PLAIN, host: "xn--bcher-kva.de", target: "/" } },
    {
      query: "url=127.0.0.1:8080/&header=Host: a.localhost&method=put&client=::1",
      asked: {
        ...{ ...PLAIN, target: "/", method: "PUT", client: "::1" },
        headers: { host: "a.localhost" },
      },
    },
    {
      query: "url=a.localhost&header=Cookie: a=1&header=cookie:b=2&header=X: 1&header=X:",
      asked: { ...PLAIN, target: "/", headers: { cookie: "a=1; b=2", x: "1, " } },
    },
  ];
  for (const { query, asked } of cases) assert.deepEqual(await askedFor(query), asked, query);
});

test("what nobody could send is refused with what is wanted", async () => {
  const want = /Cannot explain the url ".*": want \?url=HOST\/PATH/;
  const cases = [
    { query: "", told: want },
    { query: "url=/x", told: want },
    { query: "url=ftp://a.localhost/", told: want },
    { query: "url=a&method=a b", told: /the method "A B": want one such as GET/ },
    { query: "url=a&client=me", told: /the client "me": want an IP address/ },
    { query: "url=a&header=X", told: /the header "X": want "NAME: VALUE"/ },
  ];
  for (const { query, told } of cases) {
    await assert.rejects(askedFor(query), (thrown) => {
      return thrown instanceof ApiError && told.test(thrown.message);
    });
  }
});
