import { once } from "node:events";
import { connect } from "node:net";
import { BUILD_NAME_LABEL } from "../api/build.ts";
import { ApiError, notFound } from "../api/error.ts";
import { LABEL } from "../api/labels.ts";
import { type ObjectKey, pathOf } from "../api/meta.ts";
import { POD } from "../api/pod.ts";
import type { Cache } from "../client/client.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { PodExec } from "../server/pod_exec.ts";
import type { PodDial } from "../server/pod_port_forward.ts";

export interface PodDoorDeps {
  readonly runtime: Runtime;
  readonly cache: Cache;
}

/** The ways into the instance behind a Pod. */
export interface PodDoors {
  readonly exec: PodExec;
  readonly dial: PodDial;
}

export function podDoorsOf({ runtime, cache }: PodDoorDeps): PodDoors {
  const pods = cache.lister(POD);
  return { exec, dial };

  async function exec(key: ObjectKey, command: Parameters<PodExec>[1]) {
    checkIsInstance(key);
    return await runtime.exec(pathOf(key), command);
  }

  /** The instance's own port, by the number it asked for or by the one it has. */
  async function dial(key: ObjectKey, port: number) {
    checkIsInstance(key);
    const instance = runtime.get(pathOf(key));
    const { address } = instance ?? {};
    if (instance === undefined || address === undefined) {
      const why = instance?.message ?? "it is to be started";
      throw new ApiError("BadRequest", `pod "${key.name}" does not listen yet: ${why}`);
    }
    if (port !== instance.spec.port && port !== address.port) {
      const own = `${instance.spec.port} (on this machine ${address.port})`;
      const message = `pod "${key.name}" has no port ${port}: only ${own} is its own`;
      throw new ApiError("BadRequest", message);
    }
    await runtime.thaw(pathOf(key));
    const socket = connect({ host: address.host, port: address.port, allowHalfOpen: true });
    await once(socket, "connect");
    return socket;
  }

  function checkIsInstance(key: ObjectKey): void {
    const pod = pods.get(key);
    if (pod === undefined) throw notFound(POD, key.name);
    const { labels = {} } = pod.metadata;
    if (labels[LABEL.build] === undefined && labels[BUILD_NAME_LABEL] === undefined) return;
    const message = `pod "${key.name}" shows a build, which nobody can enter: see kubectl logs`;
    throw new ApiError("BadRequest", message);
  }
}
