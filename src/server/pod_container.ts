import { ApiError, notFound } from "../api/error.ts";
import type { ObjectKey } from "../api/meta.ts";
import { POD, type Pod } from "../api/pod.ts";
import type { Call } from "../base/call.ts";
import type { Store } from "../store/store.ts";

/** A Pod and one container of it, as the paths below a Pod name them. */
export interface Aimed {
  readonly key: ObjectKey;
  readonly pod: Pod;
  readonly container: string;
}

/** Which container a request is for. Throws in kubectl's words when there is no such one. */
export function aimOf({ params, query }: Call, store: Store): Aimed {
  const { namespace, name = "" } = params;
  const key = { namespace, name };
  const pod = store.get(POD, key);
  if (pod === undefined) throw notFound(POD, name);
  const names = namesOf(pod.spec.containers);
  const all = [...names, ...namesOf(pod.spec.initContainers)];
  const asked = query.get("container") ?? "";
  if (asked !== "" && !all.includes(asked)) {
    const message = `container ${asked} is not valid for pod ${name}`;
    throw new ApiError("BadRequest", message);
  }
  if (asked === "" && names.length > 1) {
    const list = names.join(" ");
    const message = `a container name must be specified for pod ${name}, choose one of: [${list}]`;
    throw new ApiError("BadRequest", message);
  }
  return { key, pod, container: asked === "" ? (names[0] ?? "") : asked };
}

function namesOf(containers: Pod["spec"]["containers"] = []): readonly string[] {
  return containers.map((it) => it.name ?? "user-container");
}

/** What its container waits for, or nothing when it has been running at some time. */
export function whyWaiting({ status }: Pod): string | undefined {
  const [container] = status?.containerStatuses ?? [];
  if ((container?.restartCount ?? 0) > 0) return undefined;
  return container === undefined ? "ContainerCreating" : container.state?.waiting?.reason;
}
