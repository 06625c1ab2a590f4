import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  Client,
  credentials,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { systemClock } from "../../base/clock.ts";
import type { Fleet } from "../fleet.ts";
import { Rig, routeOf, until } from "../rig.ts";
import { streamBackend } from "./world.ts";

/** Messages are text; nothing is generated. */
function method(path: string, requestStream: boolean, responseStream: boolean) {
  const toBytes = (text: string) => Buffer.from(text);
  const toText = (bytes: Buffer) => bytes.toString();
  return {
    ...{ path, requestStream, responseStream },
    ...{ requestSerialize: toBytes, requestDeserialize: toText },
    ...{ responseSerialize: toBytes, responseDeserialize: toText },
  } satisfies MethodDefinition<string, string>;
}

const SERVICE = {
  unary: method("/test.Talk/Unary", false, false),
  gather: method("/test.Talk/Gather", true, false),
  spread: method("/test.Talk/Spread", false, true),
  chat: method("/test.Talk/Chat", true, true),
};

const rig = new Rig();
const servers: Server[] = [];
const clients: Client[] = [];
let fleet: Fleet;

before(async () => {
  fleet = await rig.start({ workers: 1 });
  await fleet.settled();
  await serve("talk");
});

after(async () => {
  for (const client of clients) client.close();
  for (const server of servers) server.forceShutdown();
  await rig[Symbol.asyncDispose]();
});

/** A real server of gRPC, as an instance of one revision. */
async function serve(name: string, limits = {}): Promise<Server> {
  const server = new Server();
  servers.push(server);
  server.addService(SERVICE, {
    unary: (call: ServerUnaryCall<string, string>, done: sendUnaryData<string>) => {
      if (call.request === "fail") {
        const metadata = new Metadata();
        metadata.set("x-why", "asked");
        done({ code: status.ALREADY_EXISTS, details: "as asked: ü", metadata });
        return;
      }
      if (call.request === "hang") return;
      if (call.request === "crash") server.forceShutdown();
      else done(null, `hello ${call.request} of ${call.metadata.get("x-from")}`);
    },
    gather: (call: ServerReadableStream<string, string>, done: sendUnaryData<string>) => {
      let all = "";
      call.on("data", (text: string) => {
        all += text;
      });
      call.on("end", () => done(null, all));
    },
    spread: (call: ServerWritableStream<string, string>) => {
      for (const letter of call.request) call.write(letter);
      call.end();
    },
    chat: (call: ServerDuplexStream<string, string>) => {
      call.on("data", (text: string) => {
        call.write(`${text}!`);
        if (text === "crash") setImmediate(() => server.forceShutdown());
      });
      call.on("end", () => call.end());
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  await fleet.putBackend(streamBackend(`default/${name}`, port, limits));
  await fleet.putRoute(routeOf(`${name}.localhost`, { [`default/${name}`]: 100 }));
  return server;
}

function clientOf(name: string): Client {
  const { host, port } = fleet.address ?? { host: "", port: 0 };
  const client = new Client(`${host}:${port}`, credentials.createInsecure(), {
    "grpc.default_authority": `${name}.localhost`,
    "grpc.enable_retries": 0,
  });
  clients.push(client);
  return client;
}

function unary(client: Client, request: string, deadlineMs = 10_000): Promise<string> {
  const { path, requestSerialize, responseDeserialize } = SERVICE.unary;
  const metadata = new Metadata();
  metadata.set("x-from", "a test");
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  client.makeUnaryRequest(
    ...([path, requestSerialize, responseDeserialize, request, metadata] as const),
    { deadline: systemClock.now() + deadlineMs },
    (error, reply) => (error === null ? resolve(reply ?? "") : reject(error)),
  );
  return promise;
}

test("a call of gRPC with one message each way passes, and so does its failure", async () => {
  const client = clientOf("talk");
  assert.equal(await unary(client, "world"), "hello world of a test");
  const failure = await unary(client, "fail").catch((error: ServiceError) => error);
  assert(failure instanceof Error);
  const { code, details, metadata } = failure;
  assert.deepEqual(
    [code, details, metadata.get("x-why")],
    [status.ALREADY_EXISTS, "as asked: ü", ["asked"]],
  );
});

test("a call of gRPC with many messages from the client passes", async () => {
  const { path, requestSerialize, responseDeserialize } = SERVICE.gather;
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const call = clientOf("talk").makeClientStreamRequest(
    ...([path, requestSerialize, responseDeserialize] as const),
    (error, reply) => (error === null ? resolve(reply) : reject(error)),
  );
  const words = Array.from({ length: 500 }, (_, at) => `${at} `);
  for (const word of words) call.write(word);
  call.end();
  assert.equal(await promise, words.join(""));
});

test("a call of gRPC with many messages from the server passes", async () => {
  const { path, requestSerialize, responseDeserialize } = SERVICE.spread;
  const letters = "varve".repeat(200);
  const call = clientOf("talk").makeServerStreamRequest(
    ...([path, requestSerialize, responseDeserialize, letters] as const),
  );
  let heard = "";
  for await (const letter of call) heard += letter;
  assert.equal(heard, letters);
});

test("a call of gRPC with messages both ways passes, each as soon as it is sent", async () => {
  const call = chat(clientOf("talk"));
  const heard: string[] = [];
  call.on("data", (text: string) => heard.push(text));
  const ended = new Promise<{ code: number }>((resolve) => call.on("status", resolve));
  for (const word of ["one", "two", "three"]) {
    call.write(word);
    await until(`"${word}" is answered`, () => heard.at(-1) === `${word}!`);
  }
  call.end();
  assert.equal((await ended).code, status.OK);
});

test("errors of the gateway are told in the words of gRPC", async () => {
  const failed = async (name: string, request: string, deadlineMs?: number) => {
    const thrown = await unary(clientOf(name), request, deadlineMs).catch((error) => error);
    return [thrown.code, thrown.details];
  };
  const unknown = await failed("nobody", "x");
  assert.deepEqual(unknown, [status.UNIMPLEMENTED, 'no service has the host "nobody.localhost"']);

  await serve("slow", { timeoutMs: 300 });
  const [late, whyLate] = await failed("slow", "hang");
  assert.equal(late, status.DEADLINE_EXCEEDED);
  assert.match(whyLate, /did not answer within 300 ms/);

  await serve("brittle");
  const [broken, whyBroken] = await failed("brittle", "crash");
  assert.equal(broken, status.UNAVAILABLE);
  assert.match(whyBroken, /instance "default\/brittle-x" broke the connection/);

  await fleet.putBackend({
    ...streamBackend("default/empty", 1, { timeoutMs: 200 }),
    endpoints: [],
  });
  await fleet.putRoute(routeOf("empty.localhost", { "default/empty": 100 }));
  const [none, whyNone] = await failed("empty", "x");
  assert.equal(none, status.UNAVAILABLE);
  assert.match(whyNone, /no instance became ready within 200 ms/);
});

test("a stream that an instance breaks off ends with a status, not as if done", async () => {
  await serve("crashing");
  const call = chat(clientOf("crashing"));
  const ended = new Promise<{ code: number; details: string }>((resolve) => {
    call.on("status", resolve);
  });
  call.on("error", () => {});
  call.on("data", () => {});
  call.write("crash");
  const { code, details } = await ended;
  assert.equal(code, status.UNAVAILABLE);
  assert.match(details, /instance "default\/crashing-x" broke off its answer/);
});

test("a stream of gRPC outlasts the time for a request, not a silence over the limit", async () => {
  await serve("patient", { timeoutMs: 300, responseStartTimeoutMs: 300, idleTimeoutMs: 700 });
  const call = chat(clientOf("patient"));
  const heard: string[] = [];
  const ended = new Promise<{ code: number; details: string }>((resolve) => {
    call.on("status", resolve);
  });
  call.on("error", () => {});
  call.on("data", (text: string) => heard.push(text));
  for (let at = 0; at < 4; at += 1) {
    call.write(`${at}`);
    await systemClock.sleep(200);
  }
  assert.deepEqual(heard, ["0!", "1!", "2!", "3!"]);
  const { code, details } = await ended;
  assert.equal(code, status.DEADLINE_EXCEEDED);
  assert.match(details, /neither took nor sent a byte for 700 ms/);
});

function chat(client: Client) {
  const { path, requestSerialize, responseDeserialize } = SERVICE.chat;
  return client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
}
