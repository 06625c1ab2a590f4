import { ApiError, brief } from "../api/error.ts";
import { groupOf } from "../api/group.ts";
import type { Kind } from "../api/kind.ts";
import { pathOf, type Resource } from "../api/meta.ts";
import { type Store, storeKey } from "../store/store.ts";
import { type Selection, selectorOf } from "./list_resources.ts";
import { wholeNumber } from "./query.ts";

/** How much of a list is wanted, and as of when. */
export interface Paging {
  /** 0 is all of it. */
  readonly limit: number;
  /** Where the page before ended. */
  readonly from: Place | undefined;
  /** As of this moment exactly; as of now when left out. */
  readonly exactly: number | undefined;
}

/** Where a page ended, and the moment that all pages of its list show. */
interface Place {
  readonly revision: number;
  /** "namespace/name" of the last one shown. */
  readonly after: string;
}

export interface Page<R extends Resource> {
  readonly items: readonly R[];
  readonly resourceVersion: string;
  /** What to ask with for the next page; nothing when this was the last. */
  readonly continue?: string;
  /** How many come after this page; not told of a selection, as in Kubernetes. */
  readonly remainingItemCount?: number;
}

/**
 * One page of a list. All pages show the same moment, whatever is written meanwhile: those of a
 * moment that was compacted are refused with `Expired`.
 */
export function listPage<R extends Resource>(
  store: Store,
  selection: Selection<R>,
  { limit, from, exactly }: Paging,
): Page<R> {
  const { kind, namespace } = selection;
  const isMeant = selectorOf(selection);
  const revision = from?.revision ?? exactly ?? store.revision;
  const all = listAt(store, { kind, namespace, revision }).filter(isMeant);
  const first = from === undefined ? 0 : all.findIndex((it) => pathOf(it.metadata) > from.after);
  const left = first < 0 ? [] : all.slice(first);
  const resourceVersion = String(revision);
  if (limit === 0 || left.length <= limit) return { items: left, resourceVersion };
  const items = left.slice(0, limit);
  const last = items.at(-1)?.metadata ?? { name: "" };
  const isSelected =
    (selection.labelSelector ?? "") !== "" || (selection.fieldSelector ?? "") !== "";
  return {
    ...{ items, resourceVersion, continue: tokenOf({ revision, after: pathOf(last) }) },
    ...(!isSelected && { remainingItemCount: left.length - limit }),
  };
}

/** Reads what a query says of pages and moments. Throws what is wrong with it. */
export function readPaging(query: URLSearchParams, store: Store): Paging {
  const limit = wholeNumber(query, "limit") ?? 0;
  const token = query.get("continue") ?? "";
  const version = query.get("resourceVersion") ?? "";
  const match = query.get("resourceVersionMatch") ?? "";
  const refuse = (why: string) => new ApiError("BadRequest", why);
  if (!["", "Exact", "NotOlderThan"].includes(match)) {
    throw refuse(`resourceVersionMatch: must be "Exact" or "NotOlderThan", is "${brief(match)}"`);
  }
  if (match !== "" && version === "") {
    throw refuse("resourceVersionMatch is forbidden unless resourceVersion is provided");
  }
  if (match === "Exact" && version === "0") {
    throw refuse('resourceVersionMatch "Exact" is forbidden for resourceVersion "0"');
  }
  if (token !== "") {
    if (version !== "" && version !== "0") {
      throw refuse("specifying resource version is not allowed when using continue");
    }
    return { limit, from: readToken(token, store), exactly: undefined };
  }
  if (version === "" || version === "0") return { limit, from: undefined, exactly: undefined };
  if (!/^\d{1,15}$/.test(version)) {
    throw refuse(`Invalid value: "${brief(version)}": resourceVersion is a number from a list`);
  }
  checkReached(Number(version), store);
  return { limit, from: undefined, exactly: match === "Exact" ? Number(version) : undefined };
}

/** Of a moment that has not come yet, nothing can be said: wait for it. */
function checkReached(revision: number, store: Store): void {
  if (revision <= store.revision) return;
  const message = `Too large resource version: ${revision}, current: ${store.revision}`;
  const causes = [
    { field: "", reason: "ResourceVersionTooLarge", message: "Too large resource version" },
  ];
  throw new ApiError("Timeout", message, { details: { causes, retryAfterSeconds: 1 } });
}

interface Moment<R extends Resource> {
  readonly kind: Kind<R>;
  readonly namespace: string | undefined;
  readonly revision: number;
}

/** What was there at a moment: what is there now, with every change since taken back. */
function listAt<R extends Resource>(store: Store, moment: Moment<R>): readonly R[] {
  const { kind, revision } = moment;
  const namespace = kind.isNamespaced ? moment.namespace : undefined;
  const now = store.list(kind, namespace);
  if (revision === store.revision) return now;
  const were = new Map<string, Resource | undefined>();
  using _past = changesSince(store, revision, (resource, previous) => {
    if (resource.kind !== kind.kind || groupOf(resource.apiVersion) !== groupOf(kind.apiVersion)) {
      return;
    }
    if (namespace !== undefined && resource.metadata.namespace !== namespace) return;
    const key = storeKey(kind, resource.metadata);
    if (!were.has(key)) were.set(key, previous);
  });
  if (were.size === 0) return now;
  const kept = now.filter(({ metadata }) => !were.has(storeKey(kind, metadata)));
  // The key of the kind in the store proves the type of what was under it.
  const before = [...were.values()].filter((it) => it !== undefined) as R[];
  const key = ({ metadata }: R) => storeKey(kind, metadata);
  return [...kept, ...before].sort((one, other) => (key(one) < key(other) ? -1 : 1));
}

function changesSince(
  store: Store,
  revision: number,
  tell: (resource: Resource, previous: Resource | undefined) => void,
): Disposable {
  if (revision < store.compactedRevision) throw tooOld();
  return store.watch(revision, ({ resource, previous }) => tell(resource, previous));
}

function tokenOf(place: Place): string {
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}

function readToken(token: string, store: Store): Place {
  const place = placeIn(token);
  if (place === undefined) {
    const why = "it is not one that a list here ended with";
    throw new ApiError("BadRequest", `continue key is not valid: ${why}: "${brief(token)}"`);
  }
  // Of a moment that this store has not seen: another one was restored since.
  if (place.revision > store.revision) throw tooOld();
  return place;
}

function placeIn(token: string): Place | undefined {
  try {
    const { revision, after } = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
    const isOne = Number.isSafeInteger(revision) && revision >= 0 && typeof after === "string";
    return isOne ? { revision, after } : undefined;
  } catch {
    return undefined;
  }
}

function tooOld(): ApiError {
  const message =
    "The provided continue parameter or resourceVersion is too old to display a consistent list: " +
    "what was there then has been compacted. Start a new list without it";
  return new ApiError("Expired", message);
}
