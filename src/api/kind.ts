import { type ObjectSchema, t } from "../base/schema.ts";
import { type Problem, read } from "../base/schema_reading.ts";
import type { AutoscalingLimits } from "./autoscaling_limits.ts";
import type { Column } from "./column.ts";
import { ApiError, brief, invalid, type KindName } from "./error.ts";
import { isForbidden } from "./forbidden.ts";
import {
  type Draft,
  type DraftMeta,
  draftMeta,
  type ManagedFieldsEntry,
  type ObjectKey,
  type ObjectMeta,
  objectMeta,
  type Resource,
} from "./meta.ts";
import type { NameRule } from "./name.ts";
import type { RevisionLimits } from "./revision_limits.ts";
import type { Scaling } from "./scale.ts";
import type { StatusCause } from "./status.ts";
import type { Violation } from "./violation.ts";

/** What is known when a resource is written. */
export interface Writing<R extends Resource = Resource> {
  /** What it replaces, when it replaces something. */
  readonly stored: R | undefined;
  /** Who asks. */
  readonly user: string;
  /** The time of the write, as it is stored. */
  readonly now: string;
}

/** What a check is told beside the resource itself. */
export interface Check<R extends Resource = Resource> {
  readonly stored: R | undefined;
  /** Paths the caller sent that the schema does not know. They are gone from the resource. */
  readonly unknown: readonly string[];
  /** What the operator allows; Knative's defaults when left out. */
  readonly limits?: AutoscalingLimits & RevisionLimits;
}

/** What only our own controllers may do to a kind, and what to tell others who try. */
export type Refusals = Readonly<Partial<Record<"create" | "update" | "delete", string>>>;

/** All the server needs to know of a kind in order to serve it. There is one per kind. */
export interface Kind<R extends Resource = Resource> extends KindName {
  readonly singular: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly isNamespaced: boolean;
  readonly nameRule: NameRule;
  /** Everything of it but apiVersion, kind and metadata. */
  readonly schema: ObjectSchema;
  readonly hasStatus: boolean;
  /** A question: created to be answered, and never stored. */
  readonly isAnswered?: boolean;
  /** Made when it is asked for: it can be read, and there is nothing to watch. */
  readonly isComputed?: boolean;
  /** Its values are never repeated in an answer, an event or a log. */
  readonly isSecret?: boolean;
  readonly columns: readonly Column<R>[];
  /** What field selectors may ask for, besides metadata.name and metadata.namespace. */
  readonly fields?: readonly string[];
  readonly refuses?: Refusals;
  /** Who has this role may create what others may not. */
  readonly importer?: string;
  /** What it means to scale one; nothing for what has no instances. */
  readonly scale?: Scaling<R>;
  /** Fills in what the caller left out. Called before `validate`. */
  prepare?(draft: Draft<R>, writing: Writing<R>): Draft<R>;
  /** What is wrong with it that the schema cannot say. */
  validate?(draft: Draft<R>, check: Check<R>): readonly Violation[];
  /** The refusal of an invalid one; `invalid` when left out. */
  refuse?(name: string, violations: readonly Violation[]): ApiError;
}

export interface Parsed<R extends Resource> {
  readonly draft: Draft<R>;
  readonly unknown: readonly string[];
  /** Who owns which field, as the caller has it. */
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

const head = { apiVersion: t.Optional(t.String()), kind: t.Optional(t.String()) };
const whole = new WeakMap<Kind, ObjectSchema>();

/** The schema of the whole object, metadata and all. */
export function schemaOf(kind: Kind): ObjectSchema {
  const known = whole.get(kind);
  if (known !== undefined) return known;
  const metadata = t.Optional(objectMeta);
  const made = t.Object({ ...head, metadata, ...kind.schema.properties });
  whole.set(kind, made);
  return made;
}

/** Reads what a caller sent: throws `BadRequest` or `Invalid` for what is no such resource. */
export function parse<R extends Resource>(kind: Kind<R>, body: unknown): Parsed<R> {
  const { apiVersion, kind: name } = kind;
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new ApiError("BadRequest", `the body must be a ${name} object as JSON or YAML`);
  }
  const { value, problems, unknown, empty } = read(schemaOf(kind), body);
  const sent = (value ?? {}) as Partial<Draft<R>>;
  checkSame("apiVersion", sent.apiVersion, apiVersion);
  checkSame("kind", sent.kind, name);
  if (problems.length > 0) {
    const causes = problems.map((problem) => causeOf(kind, problem));
    throw invalid(kind, titleOf(sent.metadata), causes);
  }
  const metadata = writable(sent.metadata ?? {});
  const { managedFields } = (sent.metadata ?? {}) as Partial<ObjectMeta>;
  return {
    draft: { ...(value as Draft<R>), apiVersion, kind: name, metadata },
    // Many templates write out fields of a pod that they leave empty.
    unknown: unknown.filter((path) => !(empty.has(path) && isForbidden(path))),
    ...(managedFields !== undefined && { managedFields }),
  };
}

function checkSame(field: string, sent: unknown, wanted: string): void {
  if (typeof sent !== "string" || sent === wanted) return;
  const message = `the ${field} in the data is "${brief(sent)}", the one asked for is "${wanted}"`;
  throw new ApiError("BadRequest", message);
}

/** What it calls itself, whatever else is wrong with it. */
function titleOf(metadata: unknown): string {
  const { name, generateName } = (metadata ?? {}) as Readonly<Record<string, unknown>>;
  return [name, generateName].find((it) => typeof it === "string" && it !== "")?.toString() ?? "";
}

const WRITABLE: ReadonlySet<string> = new Set(Object.keys(draftMeta.properties));

/** Without what only the server may say: it is sent along, and means nothing. */
function writable(metadata: DraftMeta): DraftMeta {
  if (Object.keys(metadata).every((key) => WRITABLE.has(key))) return metadata;
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => WRITABLE.has(key)));
}

/** What a field selector may ask for in this kind. */
export function fieldsOf(kind: Kind): readonly string[] {
  return ["metadata.name", "metadata.namespace", ...(kind.fields ?? [])];
}

/** Where a resource of this kind is looked for: no namespace where it has none. */
export function keyIn(kind: Kind, { name, namespace }: ObjectKey): ObjectKey {
  return kind.isNamespaced ? { namespace, name } : { name };
}

function causeOf(kind: Kind, { path, keyword, message, value }: Problem): StatusCause {
  const field = brief(path);
  if (keyword === "required") return { field, message, reason: "FieldValueRequired" };
  if (keyword === "limit") {
    return { field, message: `Too much: ${message}`, reason: "FieldValueTooLong" };
  }
  const isEnum = keyword === "enum";
  const said = `${isEnum ? "Unsupported" : "Invalid"} value: ${shown(kind, value)}: ${message}`;
  const reason = isEnum ? "FieldValueNotSupported" : "FieldValueInvalid";
  return { field, message: said, reason };
}

function shown(kind: Kind, value: unknown): string {
  return kind.isSecret ? "(hidden)" : brief(JSON.stringify(value) ?? "null");
}
