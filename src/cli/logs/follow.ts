import { isReason } from "../../api/error.ts";
import { LABEL } from "../../api/labels.ts";
import { POD, type Pod } from "../../api/pod.ts";
import type { PodLogOptions } from "../../client/kubernetes.ts";
import type { Context, Server } from "../command.ts";
import { View } from "../view.ts";
import { linesOfPod, Place, type PodLine } from "./pod_lines.ts";
import type { Sources } from "./pods.ts";

export interface Following {
  readonly context: Context;
  readonly server: Server;
  readonly sources: Sources;
  /** Of Pods that were read before, how far. */
  readonly places: Map<string, Place>;
  readonly options: PodLogOptions;
  /** Takes each line as it comes. */
  readonly print: (line: PodLine) => Promise<void>;
}

/** How soon a Pod is asked again for what it writes, when the last answer has ended. */
const AGAIN_MS = 300;
const LOOK_MS = 60_000;

/** Goes on with the logs of all Pods that are meant, and of those that come, until aborted. */
export async function followPods(following: Following): Promise<void> {
  const { context, server, sources } = following;
  const { clock, signal } = context;
  const followed = new Set<string>();
  await using view = new View({ client: server.client, clock, signal });
  const pods = await view.watch(POD, sources.which);
  const over = Promise.withResolvers<void>();
  // A rejection that comes when nobody waits any more is about what nobody wants any more.
  over.promise.catch(() => {});
  let isOver = false;
  while (!signal.aborted && !isOver) {
    for (const pod of pods.list()) {
      const { uid } = pod.metadata;
      if (followed.has(uid)) continue;
      followed.add(uid);
      const isThere = () => pods.list().some(({ metadata }) => metadata.uid === uid);
      const end = followPod(pod, isThere, { ...following, view });
      void end.then(() => sources.isSingle && over.resolve(), over.reject);
    }
    const changed = view.changed(LOOK_MS).catch((thrown: unknown) => {
      if (!signal.aborted) throw thrown;
    });
    isOver = await Promise.race([changed.then(() => false), over.promise.then(() => true)]);
  }
}

async function followPod(
  pod: Pod,
  isThere: () => boolean,
  following: Following & { readonly view: View },
): Promise<void> {
  const { context, server, places, options, print, view } = following;
  const { uid, labels = {} } = pod.metadata;
  const place = places.get(uid) ?? new Place();
  const { signal } = view;
  while (!signal.aborted) {
    const asked = { ...options, ...place.since, follow: true, signal };
    try {
      for await (const line of place.behind(linesOfPod(server.client, pod.metadata, asked))) {
        place.pass(line);
        await print(line);
      }
      // A build comes to an end; an instance that ends is started again.
      if (labels[LABEL.build] !== undefined) return;
    } catch (thrown) {
      // The server is away, or has cut us off; the watch tells when it stays away.
      if (!isReason(thrown, "ServiceUnavailable")) throw thrown;
    }
    if (!isThere()) return;
    await context.clock.sleep(AGAIN_MS, { signal }).catch(() => {});
  }
}
