import { assert } from "../base/assert.ts";
import { systemClock } from "../base/clock.ts";
import type { Digest } from "../oci/oci.ts";
import type { Instance, InstanceSpec, Runtime } from "./runtime.ts";

const DEADLINE_MS = 30_000;

/** A spec for tests: an HTTP server that is ready when it listens. */
export function specOf(
  image: Digest,
  change: Partial<InstanceSpec> & { readonly revision?: string } = {},
): InstanceSpec {
  const revision = change.revision ?? "default/hello-00001";
  return {
    name: `${revision}-x7k2p`,
    revision,
    image,
    env: {},
    port: 8080,
    protocol: "http1",
    readiness: {},
    limits: {},
    graceMs: 5000,
    ...change,
  };
}

/** Resolves with the instance as soon as it is as asked for. */
export async function until(
  runtime: Runtime,
  name: string,
  isSo: (instance: Instance) => boolean,
): Promise<Instance> {
  const { promise, resolve, reject } = Promise.withResolvers<Instance>();
  const look = () => {
    const instance = runtime.get(name);
    if (instance !== undefined && isSo(instance)) resolve(instance);
  };
  const giveUp = () =>
    reject(new Error(`it never came to be: ${JSON.stringify(runtime.get(name))}`));
  using _watching = runtime.watch(look);
  using _deadline = systemClock.after(DEADLINE_MS, giveUp);
  look();
  return await promise;
}

/** Resolves with the instance once it is ready. */
export function untilReady(runtime: Runtime, name: string): Promise<Instance> {
  return until(runtime, name, ({ phase }) => phase === "ready");
}

/** Resolves once `isSo` says so: for what nothing tells us about. */
export async function untilSo(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const lateMs = systemClock.elapsed() + DEADLINE_MS;
  while (!(await isSo())) {
    assert(systemClock.elapsed() < lateMs, `it never came to be: ${what}`);
    await systemClock.sleep(10);
  }
}

/** What an instance answers to a GET of this path. */
export async function ask({ address }: Instance, path: string): Promise<string> {
  const response = await fetch(`http://${address?.host}:${address?.port}${path}`);
  return await response.text();
}
