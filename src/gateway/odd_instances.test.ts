import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { systemClock } from "../base/clock.ts";
import { LIMITS_OF_TESTS, RawClient, routeOf, until } from "./rig.ts";
import { fleetOfSuite } from "./suite_fleet.ts";

const { fleet, address, cleanup } = await fleetOfSuite();

/** What an instance says to the request that stands in the title of each. */
interface Odd {
  readonly title: string;
  readonly says: readonly string[];
  readonly code: number;
  /** What the client gets of it, between the head and the next answer. */
  readonly heard: RegExp;
  readonly ends?: boolean;
}

const GARBAGE = "x".repeat(40_000);
const ODD: readonly Odd[] = [
  {
    title: "a head in many pieces is one head",
    says: [..."HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"],
    code: 200,
    heard: /\r\nContent-Length: 3\r\n.*\r\n\r\none$/s,
  },
  {
    title: "a head that breaks off is no answer",
    says: ["HTTP/1.1 200 OK\r\nContent-Le"],
    ends: true,
    code: 502,
    heard: /broke the connection before it answered: it was closed\n$/,
  },
  {
    title: "a head that is too large is named as that",
    says: [`HTTP/1.1 200 OK\r\nX: ${GARBAGE}\r\nContent-Length: 0\r\n\r\n`],
    code: 502,
    heard: /it sent what is no HTTP\/1\.1: the headers are too large\n$/,
  },
  {
    title: "what is no HTTP is refused, and not asked for again",
    says: ["nonsense\r\n\r\n"],
    code: 502,
    heard: /it sent what is no HTTP\/1\.1: the first line must be "HTTP\/1\.1 code reason"\n$/,
  },
  {
    title: "a protocol that nobody asked for is refused",
    says: ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nLEAKED"],
    code: 502,
    heard: /it sent what is no HTTP\/1\.1: a change of protocol that nobody has asked for\n$/,
  },
  {
    title: "hints, and then the end, are told once",
    says: ["HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"],
    ends: true,
    code: 103,
    heard: /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1\.1 502 .*it was closed\n$/s,
  },
  {
    title: "hints without end are an end",
    says: ["HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1_001)],
    code: 103,
    heard:
      /^(HTTP\/1\.1 103 Early Hints\r\n\r\n){32}HTTP\/1\.1 502 .*: too many answers .* \(1xx\)\n$/s,
  },
  {
    title: "205 is empty, and says so",
    says: ["HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"],
    code: 205,
    heard: /\r\nContent-Length: 0\r\n.*\r\n\r\n$/s,
  },
  {
    title: "a body behind 205 goes no further",
    says: ["HTTP/1.1 205 Reset Content\r\nContent-Length: 6\r\n\r\nLEAKED"],
    code: 205,
    heard: /\r\nContent-Length: 0\r\n.*\r\n\r\n$/s,
  },
  {
    title: "chunks behind 205 go no further",
    says: ["HTTP/1.1 205 Reset\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nLEAKED\r\n0\r\n\r\n"],
    code: 205,
    heard: /^(?!.*Transfer-Encoding).*\r\nContent-Length: 0\r\n.*\r\n\r\n$/s,
  },
  {
    title: "a second answer is nobody's",
    says: ["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\noneHTTP/1.1 200 OK\r\n\r\nLEAKED"],
    code: 200,
    heard: /\r\n\r\none$/,
  },
];

/** Says what the path has as its number; to other paths that it is well. */
let asked: string[] = [];
const server = createServer((socket) => {
  socket.on("error", () => {});
  socket.on("data", (bytes) => {
    const [, path = ""] = String(bytes).split(" ");
    asked.push(path);
    const odd = ODD[Number(path.slice(1))];
    if (odd === undefined) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell");
    else void say(socket, odd);
  });
});

/** Piece by piece: each is read before the next is sent. */
async function say(socket: Socket, { says, ends = false }: Odd): Promise<void> {
  for (const piece of says) {
    socket.write(piece, "latin1");
    await systemClock.sleep(1);
  }
  if (ends) socket.end();
}

const HOST = "odd.localhost";
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
cleanup.defer(() => void server.close());
const { port } = server.address() as AddressInfo;
const endpoints = [{ name: "odd", host: "127.0.0.1", port }];
await fleet.putBackend({ id: "default/odd", endpoints, limits: LIMITS_OF_TESTS });
await fleet.putRoute(routeOf(HOST, { "default/odd": 100 }));

const ask = (path: string) => ["GET ", path, ` HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`].join("");

for (const [at, { title, code, heard }] of ODD.entries()) {
  test(`of an odd instance, ${title}`, async () => {
    using client = new RawClient(address);
    // On a connection that was used before, where a request may be sent again.
    client.say(ask("/before"));
    await client.hears("well");
    client.heard = "";
    asked = [];
    client.say(ask(`/${at}`) + ask("/after"));
    await client.hears("well");
    const end = client.heard.lastIndexOf("HTTP/1.1 200 OK");
    const answer = client.heard.slice(0, end);
    assert.equal(Number(answer.split(" ")[1]), code, client.heard);
    assert.match(answer, heard);
    assert.doesNotMatch(client.heard, /LEAKED/);
    assert.deepEqual(asked, [`/${at}`, "/after"]);
    await until("it is still open", () => !client.isClosed);
  });
}
