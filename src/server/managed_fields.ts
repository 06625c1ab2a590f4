import { type Kind, schemaOf } from "../api/kind.ts";
import type { DraftMeta, ManagedFieldsEntry } from "../api/meta.ts";
import { changesBetween, type FieldChanges } from "./field_changes.ts";
import {
  type FieldSet,
  fieldsIn,
  isEmpty,
  minus,
  NOTHING,
  pathsOf,
  readFields,
  shared,
  union,
  writeFields,
} from "./field_set.ts";
import { isObject } from "./merge_patch.ts";

type Entry = ManagedFieldsEntry;
type Entries = readonly Entry[];

/** Who writes, by what means, and when. */
export interface Writer {
  readonly kind: Kind;
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  /** "status" or "scale", when it was written through one of these. */
  readonly subresource?: string | undefined;
  readonly now: string;
}

/** What of an object can be owned: the rest is the server's, or is the object's very name. */
interface Ownable {
  readonly metadata: DraftMeta;
  readonly status?: unknown;
}

/** The fields that a writer may own, of those that it can write there. */
export function ownableOf(resource: Ownable, { kind, subresource }: Writer): object {
  const { metadata, status, ...said } = resource;
  if (subresource === "status") return status === undefined ? {} : { status };
  const { generateName, labels, annotations, finalizers, ownerReferences } = metadata;
  const { apiVersion: _, kind: __, ...rest } = said as Readonly<Record<string, unknown>>;
  const ours = { generateName, labels, annotations, finalizers, ownerReferences };
  const named = Object.entries(ours).filter(([, value]) => value !== undefined);
  const own = kind.hasStatus || status === undefined ? {} : { status };
  return { ...rest, ...own, ...(named.length > 0 && { metadata: Object.fromEntries(named) }) };
}

/** What a writer says, as fields. */
export function fieldsSaid(resource: Ownable, writer: Writer): FieldSet {
  const said = ownableOf(resource, writer);
  return Object.keys(said).length === 0 ? NOTHING : fieldsIn(schemaOf(writer.kind), said);
}

/** What a write changes, as far as it can be owned. */
export function changesOf(
  { before, after }: { readonly before: Ownable | undefined; readonly after: Ownable },
  writer: Writer,
): FieldChanges {
  const old = before === undefined ? {} : ownableOf(before, writer);
  return changesBetween(schemaOf(writer.kind), old, ownableOf(after, writer));
}

/** Who owns what after a write: whoever changes a field has it, and nobody else has it then. */
export function afterUpdate(
  entries: Entries,
  { set, removed }: FieldChanges,
  writer: Writer,
): Entries {
  if (isEmpty(set) && isEmpty(removed)) return entries;
  const gone = union(set, removed);
  const others = entries.filter((entry) => !isBy(entry, writer));
  const mine = union(minus(fieldsOf(entries, writer), removed), set);
  return sorted([...without(others, gone), ...entryOf(mine, writer)]);
}

/** Who owns what after an applier has said `applied` and changed `changes` by it. */
export function afterApply(
  entries: Entries,
  { applied, changes }: { readonly applied: FieldSet; readonly changes: FieldChanges },
  writer: Writer,
): Entries {
  const others = entries.filter((entry) => !isBy(entry, writer));
  const taken = union(shared(changes.set, applied), changes.removed);
  const before = entries.find((entry) => isBy(entry, writer));
  const isSame = before !== undefined && sameFields(readFields(before.fieldsV1), applied);
  const mine = isSame && isEmpty(taken) ? [before] : entryOf(applied, writer);
  return sorted([...without(others, taken), ...mine]);
}

/** Who else owns what an applier would change: a refusal, unless it insists. */
export function conflictsWith(
  entries: Entries,
  fields: FieldSet,
  writer: Writer,
): readonly { readonly entry: Entry; readonly paths: readonly string[] }[] {
  return entries.flatMap((entry) => {
    if (isBy(entry, writer)) return [];
    const paths = pathsOf(shared(readFields(entry.fieldsV1), fields));
    return paths.length === 0 ? [] : [{ entry, paths }];
  });
}

/** What this writer owns by now. */
export function fieldsOf(entries: Entries, writer: Writer): FieldSet {
  const mine = entries.find((entry) => isBy(entry, writer));
  return mine === undefined ? NOTHING : readFields(mine.fieldsV1);
}

/** What anybody but this writer owns. */
export function fieldsOfOthers(entries: Entries, writer: Writer): FieldSet {
  const others = entries.filter((entry) => !isBy(entry, writer));
  return others.reduce<FieldSet>((all, { fieldsV1 }) => union(all, readFields(fieldsV1)), NOTHING);
}

/**
 * The entries to go on from: what the caller sent, who may put them right, or else what is stored.
 * A single empty entry is Kubernetes' way to forget them all.
 */
export function entriesFrom(sent: Entries | undefined, stored: Entries = []): Entries {
  if (sent === undefined || sent.length === 0) return stored;
  const [first = {}, ...rest] = sent;
  if (rest.length === 0 && Object.keys(first).length === 0) return [];
  return sent.every(isWhole) ? sent.map(withSharedForm) : stored;
}

/** The one entry of what was there before anybody kept track of it. */
export function untracked(resource: Ownable, writer: Writer): Entries {
  const manager = "before-first-apply";
  const before = { ...writer, manager, operation: "Update" } as const;
  return entryOf(fieldsSaid(resource, before), before);
}

/** Spread into metadata: nothing when nobody owns anything. */
export function managedFieldsIn(entries: Entries): { readonly managedFields?: Entries } {
  return entries.length === 0 ? {} : { managedFields: entries };
}

function withSharedForm(entry: Entry): Entry {
  return { ...entry, fieldsV1: sharedParts(entry.fieldsV1 ?? {}) };
}

function isWhole({ operation, fieldsType, fieldsV1 }: Entry): boolean {
  const isKnown = operation === "Apply" || operation === "Update";
  return isKnown && fieldsType === "FieldsV1" && fieldsV1 !== undefined;
}

function isBy(entry: Entry, { kind, manager, operation, subresource }: Writer): boolean {
  if (entry.manager !== manager || entry.operation !== operation) return false;
  if ((entry.subresource ?? "") !== (subresource ?? "")) return false;
  // An applier stays the same whatever version it writes in.
  return operation === "Apply" || entry.apiVersion === kind.apiVersion;
}

function without(entries: Entries, gone: FieldSet): Entries {
  if (isEmpty(gone)) return entries;
  return entries.flatMap((entry) => {
    const fields = readFields(entry.fieldsV1);
    const left = minus(fields, gone);
    if (isEmpty(left)) return [];
    return sameFields(left, fields) ? [entry] : [{ ...entry, fieldsV1: formOf(left) }];
  });
}

function sameFields(one: FieldSet, other: FieldSet): boolean {
  return isEmpty(minus(one, other)) && isEmpty(minus(other, one));
}

function entryOf(fields: FieldSet, writer: Writer): Entries {
  const { kind, manager, operation, subresource, now } = writer;
  if (isEmpty(fields)) return [];
  const head = { manager, operation, apiVersion: kind.apiVersion, time: now };
  const form = { fieldsType: "FieldsV1", fieldsV1: formOf(fields) };
  return [{ ...head, ...form, ...(subresource !== undefined && { subresource }) }];
}

/**
 * Objects of one origin own mostly the same fields: what is equal is there once, and never changed.
 * Owners are named by their uid, so that these parts differ from object to object.
 */
const forms = new Map<string, unknown>();
const FORMS_MAX = 1024;

type Form = Readonly<Record<string, unknown>>;

function formOf(fields: FieldSet): Form {
  return sharedParts(writeFields(fields));
}

function sharedParts(form: Form): Form {
  const parts = Object.entries(form).map(([id, part]) => {
    if (id === "f:ownerReferences") return [id, part];
    return [id, id === "f:metadata" && isObject(part) ? sharedParts(part) : sharedForm(part)];
  });
  return Object.fromEntries(parts);
}

function sharedForm(form: unknown): unknown {
  const text = JSON.stringify(form);
  const known = forms.get(text);
  if (known !== undefined) return known;
  if (forms.size >= FORMS_MAX) forms.clear();
  forms.set(text, form);
  return form;
}

/** Of those who update, so many are told apart; the oldest beyond are kept as one. */
const UPDATERS_MAX = 10;

function sorted(entries: Entries): Entries {
  if (entries.length < 2) return entries;
  const updaters = entries.filter(({ operation }) => operation === "Update");
  const excess = updaters.length - UPDATERS_MAX;
  const all =
    excess > 0 ? capped(entries, updaters.toSorted(byTime).slice(0, excess + 1)) : entries;
  return all.toSorted((one, other) => {
    const [left = "", right = ""] = [one.operation, other.operation];
    return left === right ? byTime(one, other) : left.localeCompare(right);
  });
}

function capped(entries: Entries, oldest: Entries): Entries {
  const rest = entries.filter((entry) => !oldest.includes(entry));
  const fields = oldest.reduce<FieldSet>(
    (all, { fieldsV1 }) => union(all, readFields(fieldsV1)),
    NOTHING,
  );
  const { subresource: _, ...last } = oldest.at(-1) ?? {};
  return [...rest, { ...last, manager: "ancient-changes", fieldsV1: formOf(fields) }];
}

function byTime(one: Entry, other: Entry): number {
  const said = ({ time = "", manager = "" }: Entry) => `${time} ${manager}`;
  return said(one) < said(other) ? -1 : 1;
}
