import { after } from "node:test";
import { assert } from "../base/assert.ts";
import type { FleetOptions } from "./fleet.ts";
import { backendOf, type Handler, Instance, Rig, routeOf } from "./rig.ts";

/** One fleet for all tests of a file, which ends behind them with all that was put on `cleanup`. */
export async function fleetOfSuite(options: Partial<FleetOptions> = {}) {
  const rig = new Rig();
  const cleanup = new AsyncDisposableStack();
  after(async () => {
    await rig[Symbol.asyncDispose]();
    await cleanup.disposeAsync();
  });
  const fleet = await rig.start(options);
  const { address } = fleet;
  assert(address !== undefined, "a fleet that has begun listens");
  await fleet.settled();
  let count = 0;
  /** A host of its own for one test, served by one instance of HTTP/1.1. */
  const serve = async (handler: Handler, limits = {}): Promise<string> => {
    count += 1;
    const [id, host] = [`default/app-${count}`, `app-${count}.localhost`];
    const instance = cleanup.use(await Instance.start(`${id}-x`, handler));
    await fleet.putBackend(backendOf(id, [instance], limits));
    await fleet.putRoute(routeOf(host, { [id]: 100 }));
    return host;
  };
  return { rig, fleet, address, cleanup, serve };
}
