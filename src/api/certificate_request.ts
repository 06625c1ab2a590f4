import { isDeepStrictEqual } from "node:util";
import { t, type Value } from "../base/schema.ts";
import { AGE_COLUMN, NAME_COLUMN } from "./column.ts";
import { writeAge } from "./duration.ts";
import { brief } from "./error.ts";
import type { Kind } from "./kind.ts";
import type { Draft, Resource } from "./meta.ts";
import { at, type Violation } from "./violation.ts";

const text = t.Optional(t.String());

const condition = t.Object({
  type: t.String(),
  status: t.OneOf("True", "False", "Unknown"),
  reason: text,
  message: text,
  lastUpdateTime: text,
  lastTransitionTime: text,
});

const spec = t.Object({
  /** PEM in base64. */
  request: t.String(),
  signerName: t.String(),
  expirationSeconds: t.Optional(t.Integer()),
  usages: t.Optional(t.Array(t.String())),
  /** Who asks: said by the server. */
  username: text,
  uid: text,
  groups: t.Optional(t.Array(t.String())),
  extra: t.Optional(t.MapOf(t.Array(t.String()))),
});

const status = t.Object({
  conditions: t.Optional(t.MapList(condition, "type")),
  /** PEM in base64. */
  certificate: text,
});

export type RequestCondition = Value<typeof condition>;

/** Somebody wants a certificate with which to come in, and others are to say whether they may. */
export interface CertificateRequest extends Resource {
  readonly spec: Value<typeof spec>;
  readonly status?: Value<typeof status>;
}

/** The one who signs certificates of users. */
export const CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client";

const USAGES: readonly string[] = ["client auth", "digital signature", "key encipherment"];
const SECONDS_MIN = 600;

export const CERTIFICATE_REQUEST: Kind<CertificateRequest> = {
  apiVersion: "certificates.k8s.io/v1",
  kind: "CertificateSigningRequest",
  plural: "certificatesigningrequests",
  singular: "certificatesigningrequest",
  shortNames: ["csr"],
  isNamespaced: false,
  nameRule: "subdomain",
  schema: t.Object({ spec, status: t.Optional(status) }),
  hasStatus: true,
  columns: [
    NAME_COLUMN,
    AGE_COLUMN,
    {
      name: "SignerName",
      type: "string",
      description: "Who is to sign it",
      jsonPath: ".spec.signerName",
    },
    {
      name: "Requestor",
      type: "string",
      description: "Who asks",
      jsonPath: ".spec.username",
    },
    {
      name: "RequestedDuration",
      type: "string",
      description: "For how long it is to be good",
      jsonPath: ".spec.expirationSeconds",
      value({ spec: { expirationSeconds: seconds } = { request: "", signerName: "" } }) {
        return seconds === undefined ? "<none>" : writeAge(seconds * 1000);
      },
    },
    {
      name: "Condition",
      type: "string",
      description: "What was decided, and whether it was signed",
      jsonPath: ".status.conditions",
      value: ({ status: { conditions = [], certificate = "" } = {} }: CertificateRequest) => {
        const types = conditions.map(({ type }) => type);
        const all = [...types, ...(certificate === "" ? [] : ["Issued"])];
        return all.length === 0 ? "Pending" : all.join(",");
      },
    },
  ],
  fields: ["spec.signerName"],
  prepare(draft, { stored, user }) {
    if (stored !== undefined) return draft;
    const { groups: _, uid: __, extra: ___, ...asked } = draft.spec;
    return { ...draft, spec: { ...asked, username: user } };
  },
  validate: (next, { stored }) => (stored === undefined ? checkNew(next) : checkSame(next, stored)),
};

function checkNew({ spec: asked }: Draft<CertificateRequest>): readonly Violation[] {
  const { request, signerName, expirationSeconds: seconds, usages = [] } = asked;
  const strange = usages.filter((it) => !USAGES.includes(it));
  const known = USAGES.map((it) => JSON.stringify(it)).join(", ");
  return [
    ...(isPem(request) ? [] : [bad("request", "(hidden)", "want a PEM request, in base64")]),
    ...(signerName === CLIENT_SIGNER
      ? []
      : [bad("signerName", signerName, `only ${CLIENT_SIGNER} signs here`)]),
    ...(seconds === undefined || seconds >= SECONDS_MIN
      ? []
      : [bad("expirationSeconds", seconds, `may not specify less than ${SECONDS_MIN} seconds`)]),
    ...(usages.includes("client auth") ? [] : [bad("usages", usages, 'must have "client auth"')]),
    ...strange.map((it) => bad("usages", it, `supported values: ${known}`)),
  ];
}

function checkSame(next: Draft<CertificateRequest>, stored: CertificateRequest) {
  if (isDeepStrictEqual(next.spec, stored.spec)) return [];
  const message = "Forbidden: the spec of a request does not change: make another";
  return [{ field: "spec", message, reason: "FieldValueForbidden" }];
}

function isPem(base64: string): boolean {
  const pem = Buffer.from(base64, "base64").toString("latin1");
  return /^\s*-----BEGIN (NEW )?CERTIFICATE REQUEST-----/.test(pem);
}

function bad(field: string, value: unknown, why: string): Violation {
  const message = `Invalid value: ${brief(JSON.stringify(value))}: ${why}`;
  return { field: at("spec", field), message, reason: "FieldValueInvalid" };
}
