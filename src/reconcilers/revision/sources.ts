import type { ObjectKey } from "../../api/meta.ts";
import type { Source } from "../../control/controller.ts";
import type { RevisionParts } from "./deps.ts";

/** What wakes Revisions from outside of the API: instances, builds, pulls, routes, requests. */
export function sourcesOf(parts: RevisionParts): readonly Source[] {
  const { runtime, builder, autoscaler, references, retiring, renewing, pulls } = parts;
  return [
    (wake) => builder.watch((id) => wake(keyOf(id))),
    (wake) => autoscaler.run(wake),
    (wake) =>
      runtime.watch((name) => {
        const instance = runtime.get(name);
        if (instance !== undefined) wake(keyOf(instance.spec.revision));
      }),
    (wake) => retiring.watch((name) => wake(revisionOf(name, parts))),
    (wake) => renewing.watch((name) => wake(revisionOf(name, parts))),
    (wake) => pulls.watch((path) => wake(keyOf(path))),
    (wake) =>
      references.watch((target) => {
        const [kind = "", ...path] = target.split("/");
        const key = keyOf(path.join("/"));
        if (["Revision", "Serving", "Standby"].includes(kind)) wake(key);
        if (kind === "Configuration") for (const latest of latestOf(key, parts)) wake(latest);
      }),
  ];
}

/** A Configuration is tracked, or no longer: that is about the Revisions that it stands for. */
function latestOf(key: ObjectKey, { configurations }: RevisionParts): readonly ObjectKey[] {
  const { latestCreatedRevisionName: created, latestReadyRevisionName: ready } =
    configurations.get(key)?.status ?? {};
  const { namespace } = key;
  return [created, ready].flatMap((name) => (name === undefined ? [] : [{ namespace, name }]));
}

/** Of an instance that is gone only its Pod can tell whose it was. */
function revisionOf(instance: string, { pods }: RevisionParts): ObjectKey {
  const key = keyOf(instance);
  const owner = pods.get(key)?.metadata.ownerReferences?.[0]?.name;
  return { namespace: key.namespace, name: owner ?? key.name };
}

/** "default/hello-00001" is the key of what has that path. */
function keyOf(path: string): ObjectKey {
  const [namespace, name = ""] = path.split("/");
  return { namespace, name };
}
