import { t, type Value } from "../base/schema.ts";
import { NAME_COLUMN } from "./column.ts";
import type { Kind } from "./kind.ts";
import type { Resource } from "./meta.ts";

const AUTHENTICATION = "authentication.k8s.io/v1";
const AUTHORIZATION = "authorization.k8s.io/v1";

const text = t.Optional(t.String());
const strings = t.Optional(t.Array(t.String()));
const extra = t.Optional(t.MapOf(t.Array(t.String())));
const status = t.Optional(t.Open());

const resourceAttributes = t.Object({
  ...{ namespace: text, verb: text, group: text, version: text, resource: text },
  ...{ subresource: text, name: text },
  fieldSelector: t.Optional(t.Open()),
  labelSelector: t.Optional(t.Open()),
});
const access = {
  resourceAttributes: t.Optional(resourceAttributes),
  nonResourceAttributes: t.Optional(t.Object({ path: text, verb: text })),
};
const subject = { ...access, user: text, groups: strings, uid: text, extra };
const boundObjectRef = t.Object({ kind: text, apiVersion: text, name: text, uid: text });

const SPECS = {
  access: t.Object(access),
  subject: t.Object(subject),
  rules: t.Object({ namespace: text }),
  token: t.Object({ token: text, audiences: strings }),
  request: t.Object({
    audiences: strings,
    expirationSeconds: t.Optional(t.Integer()),
    boundObjectRef: t.Optional(boundObjectRef),
  }),
};

/** A question: it is created to be answered, and never stored. */
export interface Review<S> extends Resource {
  readonly spec: S;
}

export type AccessReview = Review<Value<typeof SPECS.access>>;
export type SubjectReview = Review<Value<typeof SPECS.subject>>;
export type RulesReview = Review<Value<typeof SPECS.rules>>;
export type TokenReview = Review<Value<typeof SPECS.token>>;
export interface TokenRequest extends Review<Value<typeof SPECS.request>> {
  readonly status?: NonNullable<Resource["status"]> & {
    readonly token?: string;
    readonly expirationTimestamp?: string;
  };
}

const SHARED = {
  isNamespaced: false,
  nameRule: "path",
  hasStatus: false,
  isAnswered: true,
  columns: [NAME_COLUMN],
} as const;

function named(apiVersion: string, kind: string) {
  const singular = kind.toLowerCase();
  return { ...SHARED, apiVersion, kind, singular, plural: `${singular}s` };
}

export const SELF_SUBJECT_REVIEW: Kind<Review<undefined>> = {
  ...named(AUTHENTICATION, "SelfSubjectReview"),
  schema: t.Object({ status }),
};

/** Its spec holds a token, which must not be told again. */
export const TOKEN_REVIEW: Kind<TokenReview> = {
  ...named(AUTHENTICATION, "TokenReview"),
  schema: t.Object({ spec: SPECS.token, status }),
  isSecret: true,
};

/** Answered at a ServiceAccount's own path, so it is in no list of kinds. */
export const TOKEN_REQUEST: Kind<TokenRequest> = {
  ...named(AUTHENTICATION, "TokenRequest"),
  schema: t.Object({ spec: t.Optional(SPECS.request), status }),
};

export const SELF_SUBJECT_ACCESS_REVIEW: Kind<AccessReview> = {
  ...named(AUTHORIZATION, "SelfSubjectAccessReview"),
  schema: t.Object({ spec: SPECS.access, status }),
};

export const SUBJECT_ACCESS_REVIEW: Kind<SubjectReview> = {
  ...named(AUTHORIZATION, "SubjectAccessReview"),
  schema: t.Object({ spec: SPECS.subject, status }),
};

export const LOCAL_SUBJECT_ACCESS_REVIEW: Kind<SubjectReview> = {
  ...named(AUTHORIZATION, "LocalSubjectAccessReview"),
  isNamespaced: true,
  schema: t.Object({ spec: SPECS.subject, status }),
};

export const SELF_SUBJECT_RULES_REVIEW: Kind<RulesReview> = {
  ...named(AUTHORIZATION, "SelfSubjectRulesReview"),
  schema: t.Object({ spec: SPECS.rules, status }),
};

/** Every question there is. Like kinds, they are found by discovery and told by OpenAPI. */
export const REVIEWS: readonly Kind[] = [
  SELF_SUBJECT_REVIEW,
  TOKEN_REVIEW,
  LOCAL_SUBJECT_ACCESS_REVIEW,
  SELF_SUBJECT_ACCESS_REVIEW,
  SELF_SUBJECT_RULES_REVIEW,
  SUBJECT_ACCESS_REVIEW,
] as readonly Kind[];
