import type { Client } from "../../src/client/client.ts";

/** The process was interrupted: before a write, or after it and before anybody was told. */
export class Interruption extends Error {
  override readonly name = "Interruption";
}

/** A client in whose writes its caller may be interrupted, whenever `isInterrupted` says so. */
export function flakyClient(client: Client, isInterrupted: () => boolean): Client {
  return {
    get: (kind, key) => client.get(kind, key),
    list: (kind, options) => client.list(kind, options),
    watch: (kind, options) => client.watch(kind, options),
    create: (draft) => around(() => client.create(draft)),
    put: (resource) => around(() => client.put(resource)),
    patch: (of, patch, options) => around(() => client.patch(of, patch, options)),
    putStatus: (resource) => around(() => client.putStatus(resource)),
    createToken: (account, asked) => around(() => client.createToken(account, asked)),
    delete: (resource, options) => around(() => client.delete(resource, options)),
  };

  async function around<T>(write: () => Promise<T>): Promise<T> {
    if (isInterrupted()) throw new Interruption("before a write");
    const written = await write();
    if (isInterrupted()) throw new Interruption("after a write");
    return written;
  }
}
