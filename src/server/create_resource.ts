import { ApiError, alreadyExists, forbidden, isReason, notFound } from "../api/error.ts";
import { type Kind, parse } from "../api/kind.ts";
import {
  type Draft,
  isGoing,
  type ManagedFieldsEntry,
  type ObjectMeta,
  type Resource,
} from "../api/meta.ts";
import { generatedName, SUFFIX_LENGTH } from "../api/name.ts";
import { NAMESPACE } from "../api/namespace.ts";
import type { Store } from "../store/store.ts";
import { admit, checkMay, type WriteRequest } from "./admit.ts";
import type { ServerContext } from "./context.ts";
import type { FieldSet } from "./field_set.ts";
import {
  afterApply,
  afterUpdate,
  changesOf,
  entriesFrom,
  managedFieldsIn,
} from "./managed_fields.ts";
import { withoutEmpty } from "./replaced.ts";
import { writerOf } from "./writer.ts";

export interface CreateOptions<R extends Resource> extends WriteRequest {
  readonly kind: Kind<R>;
  /** From the path of the request. */
  readonly namespace?: string | undefined;
  /** Parsed JSON, from anyone: trust nothing about it. */
  readonly body: unknown;
  /** What an applier says, when it is made by applying. */
  readonly applied?: FieldSet;
}

/** How often another generated name is tried when the first is taken. */
const TRIES = 8;

/** `POST …/{plural}`: stores what is not there yet, under a name of its own or a generated one. */
export async function createResource<R extends Resource>(
  context: ServerContext,
  options: CreateOptions<R>,
): Promise<R> {
  const { kind, caller } = options;
  const { draft, unknown, managedFields } = parse(kind, options.body);
  const placed = placedAt(draft, options);
  if (!isImporter(context, options)) {
    checkMay("create", { kind, name: draft.metadata.name ?? "", caller });
  }
  checkNamespace(context.store, { kind, draft: placed });
  for (let tries = 1; ; tries += 1) {
    const named = withName(placed, context);
    const admitted = admit<R>(named, { ...options, unknown, context });
    const entries = ownersOf(admitted, { ...options, context, sent: managedFields });
    const made = stamped(admitted, context, entries);
    try {
      return await stored(made, { ...options, store: context.store });
    } catch (thrown) {
      const isGenerated = placed.metadata.name === undefined;
      if (!isGenerated || tries === TRIES || !isReason(thrown, "AlreadyExists")) throw thrown;
    }
  }
}

/** Some may make by hand what only controllers make otherwise. */
function isImporter<R extends Resource>(
  { access }: ServerContext,
  { kind: { importer }, caller, namespace }: CreateOptions<R>,
): boolean {
  return importer !== undefined && access?.hasRole(caller, importer, namespace) === true;
}

interface Storing<R extends Resource> extends CreateOptions<R> {
  readonly store: Store;
}

async function stored<R extends Resource>(
  made: R,
  { kind, store, isDryRun }: Storing<R>,
): Promise<R> {
  const taken = store.get(kind, made.metadata);
  if (taken !== undefined) throw alreadyExists(kind, made.metadata.name);
  return isDryRun === true ? unstored(made) : await store.put(made, { expected: "absent" });
}

/** What is not stored has no version. */
function unstored<R extends Resource>(made: R): R {
  const { resourceVersion: _, ...metadata } = made.metadata;
  return { ...made, metadata };
}

/** In its namespace, and without a status: that is not for whoever makes it to say. */
function placedAt<R extends Resource>(draft: Draft<R>, options: CreateOptions<R>): Draft<R> {
  const { kind, namespace } = options;
  const { namespace: sent, name = "", ...rest } = draft.metadata;
  if (kind.isNamespaced && (namespace ?? "") === "") {
    throw new ApiError("BadRequest", "an empty namespace may not be set during creation");
  }
  if (kind.isNamespaced && sent !== undefined && sent !== namespace) {
    const message = `the namespace is "${sent}" in the body and "${namespace}" in the path`;
    throw new ApiError("BadRequest", message);
  }
  const metadata = {
    ...rest,
    ...(name !== "" && { name }),
    ...(kind.isNamespaced && namespace !== undefined && { namespace }),
  };
  const { status: _, ...said } = draft;
  return { ...(kind.hasStatus ? said : draft), metadata } as Draft<R>;
}

/** Nothing is made in a namespace that is not there, or is on its way out. */
function checkNamespace<R extends Resource>(
  store: Store,
  { kind, draft }: { readonly kind: Kind<R>; readonly draft: Draft<R> },
): void {
  const { namespace, name = "" } = draft.metadata;
  if (!kind.isNamespaced || namespace === undefined) return;
  const home = store.get(NAMESPACE, { name: namespace });
  if (home === undefined) throw notFound(NAMESPACE, namespace);
  if (!isGoing(home)) return;
  const why = "because it is being terminated";
  throw forbidden(kind, name, `unable to create new content in namespace ${namespace} ${why}`);
}

function withName<R extends Resource>(draft: Draft<R>, { chance }: ServerContext): Draft<R> {
  const { name, generateName } = draft.metadata;
  if (name !== undefined || generateName === undefined || generateName === "") return draft;
  const made = generatedName(generateName, chance.suffix(SUFFIX_LENGTH));
  return { ...draft, metadata: { ...draft.metadata, name: made } };
}

/** Adds what only the server may say of a resource. */
function stamped<R extends Resource>(
  draft: Draft<R>,
  { clock, chance }: ServerContext,
  entries: readonly ManagedFieldsEntry[],
): R {
  const { resourceVersion: _, uid: __, ...sent } = draft.metadata;
  const metadata: ObjectMeta = {
    ...sent,
    name: sent.name ?? "",
    uid: chance.uuid(),
    resourceVersion: "",
    generation: 1,
    creationTimestamp: clock.timestamp(),
    ...managedFieldsIn(entries),
  };
  return { ...draft, metadata: withoutEmpty(metadata) } as unknown as R;
}

interface Owning<R extends Resource> extends CreateOptions<R> {
  readonly context: ServerContext;
  readonly sent: readonly ManagedFieldsEntry[] | undefined;
}

/** Who owns what from the beginning: whoever makes it, and those that it was copied from. */
function ownersOf<R extends Resource>(
  draft: Draft<R>,
  { context, sent, applied, ...options }: Owning<R>,
): readonly ManagedFieldsEntry[] {
  const { clock } = context;
  const operation = applied === undefined ? "Update" : "Apply";
  const writer = writerOf(options, { operation, now: clock.timestamp() });
  const changes = changesOf({ before: undefined, after: draft }, writer);
  if (applied !== undefined) return afterApply([], { applied, changes }, writer);
  return afterUpdate(entriesFrom(sent), changes, writer);
}
