import { isReason } from "../../api/error.ts";
import { SERVICE, type Service } from "../../api/service.ts";
import { type Backoff, delayMs } from "../../base/backoff.ts";
import type { Context, Server } from "../command.ts";
import { orNothing } from "../find_service.ts";

const AGAIN: Backoff = { firstMs: 20, mostMs: 1000 };
const TRIES_MAX = 20;

/** A service before it was written, if it was there, and after. */
export interface Written {
  readonly before: Service | undefined;
  readonly after: Service;
}

interface Writing {
  readonly name: string;
  readonly server: Server;
  /** What shall be written, from what is there: called again when somebody else was faster. */
  readonly write: (before: Service | undefined) => Promise<Service>;
}

/** Reads a service and writes it, until nobody writes in between. */
export async function writeService(context: Context, writing: Writing): Promise<Written> {
  const { name, server, write } = writing;
  const { clock, chance, signal } = context;
  for (let tries = 0; ; tries += 1) {
    const before = await getService(server, name, signal);
    try {
      return { before, after: await write(before) };
    } catch (thrown) {
      const isRace = isReason(thrown, "Conflict") || isReason(thrown, "AlreadyExists");
      const isGone = before !== undefined && isReason(thrown, "NotFound");
      if (!(isRace || isGone) || tries === TRIES_MAX) throw thrown;
      await clock.sleep(delayMs(AGAIN, tries, chance), { signal });
    }
  }
}

/** A service, or nothing when there is none of this name. */
export async function getService(
  { client, namespace }: Server,
  name: string,
  signal: AbortSignal,
): Promise<Service | undefined> {
  return await orNothing(client.get(SERVICE, { namespace, name }, { signal }));
}
