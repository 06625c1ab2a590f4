import { invalid, notFound } from "../api/error.ts";
import { type Kind, parse, schemaOf } from "../api/kind.ts";
import { LABEL } from "../api/labels.ts";
import type { Draft, ObjectKey, Resource } from "../api/meta.ts";
import { POD } from "../api/pod.ts";
import { SCALE, type Scale, type Scaling } from "../api/scale.ts";
import { assert } from "../base/assert.ts";
import { checkMay, type WriteRequest } from "./admit.ts";
import type { ServerContext } from "./context.ts";
import { inTurn } from "./in_turn.ts";
import { listResources } from "./list_resources.ts";
import { type PatchType, patched } from "./patch_resource.ts";
import { checkPlace, checkVersion, replace } from "./put_resource.ts";

interface Place<R extends Resource> {
  readonly kind: Kind<R>;
  readonly key: ObjectKey;
}

/** `GET …/{plural}/{name}/scale`: how many instances there are, and how many at least. */
export function getScale<R extends Resource>(
  { store }: ServerContext,
  { kind, key }: Place<R>,
): Scale {
  const stored = store.get(kind, key);
  if (stored === undefined) throw notFound(kind, key.name);
  return scaleOf(stored, { kind, store });
}

export interface ScaleOptions<R extends Resource> extends WriteRequest, Place<R> {
  /** A whole `Scale`, or a patch of it, as parsed JSON from anyone. */
  readonly body: unknown;
  /** What kind of a patch it is; it is no patch when left out. */
  readonly type?: PatchType;
}

/** `PUT` and `PATCH …/{plural}/{name}/scale`: sets how many instances there are at least. */
export async function putScale<R extends Resource>(
  context: ServerContext,
  options: ScaleOptions<R>,
): Promise<Scale> {
  const { kind, key, body, type, caller } = options;
  const { store } = context;
  checkMay("update", { kind, name: key.name, caller });
  return await inTurn({ store, kind, key }, async () => {
    const stored = store.get(kind, key);
    if (stored === undefined) throw notFound(kind, key.name);
    const before = scaleOf(stored, { kind, store });
    const said =
      type === undefined ? body : patched(before, schemaOf(SCALE), { type, patch: body });
    const { draft } = parse(SCALE, said);
    checkPlace(draft.metadata, key);
    const { resourceVersion = "" } = draft.metadata;
    if (resourceVersion !== "") checkVersion({ kind, stored, sent: draft.metadata });
    const causes = SCALE.validate?.(draft, { stored: undefined, unknown: [] }) ?? [];
    if (causes.length > 0) throw invalid(SCALE, key.name, causes);
    const whole: Draft<R> = { ...stored };
    const next = scalingOf(kind).withFloor(whole, draft.spec?.replicas ?? 0);
    const how = { ...options, stored, draft: next, unknown: [], subresource: "scale" };
    return scaleOf(await replace(context, how), { kind, store });
  });
}

interface Known<R extends Resource> {
  readonly kind: Kind<R>;
  readonly store: ServerContext["store"];
}

function scaleOf<R extends Resource>(resource: R, { kind, store }: Known<R>): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = resource.metadata;
  const { apiVersion } = SCALE;
  const scaling = scalingOf(kind);
  const selector = scaling.selector(resource);
  const labelSelector = `${selector},!${LABEL.build}`;
  const { items } = listResources(store, { kind: POD, namespace, labelSelector });
  return {
    ...{ apiVersion, kind: SCALE.kind },
    metadata: {
      ...{ name, ...(namespace !== undefined && { namespace }), uid, resourceVersion },
      ...{ generation: resource.metadata.generation, creationTimestamp },
    },
    spec: { replicas: scaling.floor(resource) },
    status: { replicas: items.length, selector },
  };
}

function scalingOf<R extends Resource>({ kind, scale }: Kind<R>): Scaling<R> {
  assert(scale !== undefined, `nobody asks for the scale of a ${kind}`);
  return scale;
}
