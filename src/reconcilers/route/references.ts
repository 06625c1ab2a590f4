import { ROUTE_NOTE } from "../../api/labels.ts";
import { type ObjectKey, pathOf } from "../../api/meta.ts";
import type { Route } from "../../api/route.ts";
import type { TrafficTarget } from "../../api/traffic.ts";
import { labelsOf } from "./desired.ts";

/**
 * What a Route refers to: "Configuration/…" and "Revision/…" that its spec names or its status
 * sends requests to, and of the latter once more as "Serving/…"; as "Standby/…" what takes part in
 * a rollout and must be there when it is sent back. Also the first labels of hosts,
 * with their namespace: "Claim/…" of those that it wants, and "Host/…" of those that it has.
 */
export function targetsOf({ metadata, spec, status }: Route): readonly string[] {
  const { namespace } = metadata;
  const path = (name: string) => pathOf({ namespace, name });
  const named = (spec.traffic ?? []).flatMap(({ configurationName, revisionName }) => [
    ...(configurationName === undefined ? [] : [`Configuration/${path(configurationName)}`]),
    ...(revisionName === undefined ? [] : [`Revision/${path(revisionName)}`]),
  ]);
  const serving = (status?.traffic ?? []).flatMap(({ revisionName }) =>
    revisionName === undefined
      ? []
      : [`Revision/${path(revisionName)}`, `Serving/${path(revisionName)}`],
  );
  const standby = (status?.rollouts ?? [])
    .filter(({ phase }) => phase !== "Aborted")
    .flatMap(({ revisions }) => revisions.map((it) => `Standby/${path(it.revisionName)}`));
  const noted = status?.annotations?.[ROUTE_NOTE.alsoServes]?.split(",") ?? [];
  const also = noted.flatMap((name) => [`Revision/${path(name)}`, `Serving/${path(name)}`]);
  const hosts = (kind: string, traffic: readonly TrafficTarget[]) =>
    labelsOf(metadata, traffic).map((label) => `${kind}/${path(label)}`);
  const had = status?.traffic === undefined ? [] : hosts("Host", status.traffic);
  return [...named, ...serving, ...standby, ...also, ...hosts("Claim", spec.traffic ?? []), ...had];
}

/** The part of a target behind its first "/", as the key that it is the path of. */
export function keyIn(target: string): ObjectKey {
  const [, namespace = "", name = ""] = target.split("/");
  return { namespace, name };
}
