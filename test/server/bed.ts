import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { KINDS } from "../../src/api/kinds.ts";
import { NAMESPACE, type Namespace } from "../../src/api/namespace.ts";
import { makeCertificate } from "../../src/base/certificate.ts";
import { systemChance } from "../../src/base/chance.ts";
import { systemClock } from "../../src/base/clock.ts";
import { makeLog } from "../../src/base/log.ts";
import { localClient } from "../../src/platform/local_client.ts";
import { makeApiServer } from "../../src/server/api_server.ts";
import { ADMINISTRATOR, tokenAuthenticator } from "../../src/server/authentication.ts";
import { openDiskStore } from "../../src/store/disk.ts";
import type { Store } from "../../src/store/store.ts";

const TOKEN = "fuzz";
/** An answer that has not come by then is a hang, however busy the machine. */
const ANSWER_MS_MAX = 60_000;

/** A request as it goes out. */
export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** What comes of it is not waited for, when it is taken. */
  readonly isLetGo?: boolean;
}

export interface Answered {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** The API over a store on disk, and nobody at work behind it: what is asked for is not done. */
export class Bed implements AsyncDisposable {
  readonly #undo = new AsyncDisposableStack();
  readonly #agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  #port = 0;
  #store: Store | undefined;
  /** What went wrong inside, a line each. */
  readonly failures: string[] = [];

  static async make(): Promise<Bed> {
    const bed = new Bed();
    const directory = await mkdtemp(join(tmpdir(), "varve-fuzz-"));
    bed.#undo.defer(() => rm(directory, { recursive: true, force: true }));
    const write = (line: string) => void bed.failures.push(line);
    const log = makeLog({ level: "error", to: { write } });
    const store = bed.#undo.use(await openDiskStore({ path: join(directory, "store.db"), log }));
    bed.#store = store;
    const context = { kinds: KINDS, store, clock: systemClock, chance: systemChance };
    const client = localClient(context);
    for (const name of ["default", "other"]) {
      const { apiVersion, kind } = NAMESPACE;
      await client.create<Namespace>({ apiVersion, kind, metadata: { name } });
    }
    const hosts = ["127.0.0.1"];
    const tls = await makeCertificate({ name: "fuzz", hosts, nowMs: Date.now(), days: 1 });
    const server = makeApiServer({
      ...{ context, tls, log, version: "0", troubles: () => [] },
      authenticator: tokenAuthenticator({ [TOKEN]: ADMINISTRATOR }),
      podLogs: () => Readable.from([]),
      measure: async () => [],
      exec: () => Promise.reject(new Error("nothing runs here")),
      dial: () => Promise.reject(new Error("nothing runs here")),
      uploads: { has: async () => false, put: async () => ({ bytes: 0 }) },
    });
    bed.#undo.use(server);
    bed.#undo.defer(() => bed.#agent.destroy());
    bed.#port = await server.listen({ host: "127.0.0.1", port: 0 });
    return bed;
  }

  get store(): Store {
    assert(this.#store !== undefined, "it was made by make");
    return this.#store;
  }

  async send({ method, path, headers = {}, body, isLetGo = false }: Sent): Promise<Answered> {
    const authorization = `Bearer ${TOKEN}`;
    const at = { host: "127.0.0.1", port: this.#port, agent: this.#agent, method, path };
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const length = { "content-length": Buffer.byteLength(body ?? "") };
    const sent = request({ ...at, signal, headers: { authorization, ...length, ...headers } });
    sent.end(body);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      sent.once("response", resolve).once("error", reject);
    });
    const answered = { code: response.statusCode ?? 0, headers: response.headers };
    if (!isLetGo || answered.code !== 200) return { ...answered, body: await text(response) };
    response.destroy();
    return { ...answered, body: "" };
  }

  async json<T>(path: string): Promise<T> {
    const { code, body } = await this.send({ method: "GET", path });
    assert.equal(code, 200, `${path}: ${body}`);
    return JSON.parse(body);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#undo.disposeAsync();
  }
}
