import { once } from "node:events";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { KINDS } from "../../../src/api/kinds.ts";
import { systemChance } from "../../../src/base/chance.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import { makeApiServer } from "../../../src/server/api_server.ts";
import { ADMINISTRATOR, tokenAuthenticator } from "../../../src/server/authentication.ts";
import { openDiskStore } from "../../../src/store/disk.ts";

/** What the process is told, as a line of JSON, once it is to begin. */
export interface Begin {
  /** Of the store. */
  readonly path: string;
  readonly tls: { readonly key: string; readonly cert: string };
  readonly token: string;
}

/**
 * The API over a store, and nothing else of the platform: so that it can be killed and started a
 * thousand times. It has loaded everything when it is told to begin, and says its port then.
 */
async function main(): Promise<void> {
  const [line] = await once(createInterface({ input: process.stdin }), "line");
  const { path, tls, token }: Begin = JSON.parse(line);
  const store = await openDiskStore({ path, log: silentLog });
  const context = { kinds: KINDS, store, clock: systemClock, chance: systemChance };
  const server = makeApiServer({
    ...{ context, tls, log: silentLog, version: "0", troubles: () => [] },
    authenticator: tokenAuthenticator({ [token]: ADMINISTRATOR }),
    podLogs: () => Readable.from([]),
    measure: async () => [],
    exec: nothing,
    dial: nothing,
    uploads: { has: async () => false, put: async () => ({ bytes: 0 }) },
  });
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  process.stdout.write(`${port}\n`);
}

function nothing(): Promise<never> {
  return Promise.reject(new Error("nothing runs here"));
}

if (import.meta.main) await main();
