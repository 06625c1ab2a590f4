import assert from "node:assert/strict";
import { type ClientHttp2Session, connect, constants } from "node:http2";
import { after, test } from "node:test";
import { type Chance, seededChance, systemChance } from "../../base/chance.ts";
import { backendOf, Instance, Rig, routeOf } from "../rig.ts";
import { StreamInstance, streamBackend } from "./world.ts";

const HOSTS = ["plain.localhost", "stream.localhost"];
const BYTES = 120_000;
const ROUNDS = 20;
/** Of each of the two instances, at once: fewer than there are requests. */
const SEATS = { concurrency: 5 };

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());

async function start(): Promise<string> {
  const fleet = await stack.use(new Rig()).start();
  const body = Buffer.alloc(BYTES, "varve ");
  const plain = stack.use(
    await Instance.start("plain", (req, res) => {
      req.on("end", () => res.end(body)).resume();
    }),
  );
  const stream = stack.use(
    await StreamInstance.start("stream", (it) => {
      it.on("end", () => {
        if (it.destroyed) return;
        it.respond({ ":status": 200 });
        it.end(body);
      }).resume();
    }),
  );
  await fleet.putBackend(backendOf("default/plain", [plain], SEATS));
  await fleet.putBackend(streamBackend("default/stream", stream.port, SEATS));
  for (const [at, id] of ["default/plain", "default/stream"].entries()) {
    await fleet.putRoute(routeOf(HOSTS[at] ?? "", { [id]: 100 }));
  }
  const { host = "", port = 0 } = fleet.address ?? {};
  return `http://${host}:${port}`;
}

/** When a client takes its request back: at its head, at the first bytes, soon, or not at all. */
type Whim = "head" | "bytes" | "soon" | "never";

/** Answers with the bytes that came; with nothing of one that was taken back. */
function asked(session: ClientHttp2Session, host: string, whim: Whim): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const stream = session.request({ ":authority": host, ":path": "/", ":method": "POST" });
  const takeBack = () => stream.close(constants.NGHTTP2_CANCEL);
  let bytes = 0;
  if (whim === "head") stream.on("response", takeBack);
  if (whim === "soon") setImmediate(() => setImmediate(takeBack));
  stream.on("data", (piece: Buffer) => {
    bytes += piece.length;
    if (whim === "bytes") takeBack();
  });
  stream.on("error", () => {});
  stream.on("close", () => resolve(whim === "never" ? bytes : undefined));
  stream.end(Buffer.alloc(20_000));
  return promise;
}

test("what others take back, or leave with their connection, costs nobody an answer", async () => {
  const url = await start();
  const seed = Math.floor(systemChance.fraction() * 2 ** 31);
  const chance: Chance = seededChance(seed);
  const any = <T>(...all: readonly T[]): T => all[Math.floor(chance.fraction() * all.length)] as T;
  const got = new Set<number | undefined>();
  const client = async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const session = connect(url).on("error", () => {});
      const whims = Array.from({ length: 8 }, () => any<Whim>("head", "bytes", "soon", "never"));
      const all = whims.map((whim) => asked(session, any(...HOSTS), whim));
      if (any(1, 2, 3, 4) === 1) await Promise.race(all);
      else for (const bytes of await Promise.all(all)) got.add(bytes);
      session.destroy();
    }
  };
  await Promise.all([client(), client(), client()]);
  assert.deepEqual(
    [...got].filter((bytes) => bytes !== undefined),
    [BYTES],
    `seed ${seed}`,
  );
  // All seats are free again.
  const session = connect(url);
  const last = await Promise.all(
    Array.from({ length: 20 }, (_, at) => asked(session, HOSTS[at % 2] ?? "", "never")),
  );
  session.destroy();
  assert.deepEqual(new Set(last), new Set([BYTES]), `seed ${seed}`);
});
