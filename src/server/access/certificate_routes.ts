import {
  CERTIFICATE_REQUEST,
  type CertificateRequest,
  type RequestCondition,
} from "../../api/certificate_request.ts";
import { ApiError, forbidden, invalid, notFound } from "../../api/error.ts";
import { parse } from "../../api/kind.ts";
import type { Answer, Call } from "../../base/call.ts";
import type { ApiRoute } from "../api_route.ts";
import { readBody } from "../body.ts";
import { type Caller, MASTERS, type ServerContext } from "../context.ts";
import { basePath } from "../openapi.ts";
import { checkVersion } from "../put_resource.ts";
import { checkAllowed } from "./access.ts";

/** The authority whose certificates let clients in. */
export interface ClientAuthority {
  /** Whom a request (PEM) is for. Throws an `Error` that says why it is no good. */
  subjectOf(request: string): Promise<{ name: string; organizations: readonly string[] }>;
  /** The certificate, as PEM. */
  sign(request: string, seconds: number): Promise<string>;
}

const GROUP = "certificates.k8s.io";
const TRUE = { status: "True" } as const;
/** As long as a certificate is good when nobody says, and at most. */
const SECONDS_MAX = 365 * 24 * 3600;

/**
 * `PUT …/certificatesigningrequests/NAME/approval`, as `kubectl certificate approve` has it. Who
 * approves must be allowed to `approve` for the signer; what is approved is signed at once.
 */
export function certificateRoutes(
  authority: ClientAuthority,
  context: ServerContext,
): readonly ApiRoute[] {
  const { apiVersion, plural } = CERTIFICATE_REQUEST;
  const path = `${basePath(apiVersion)}/${plural}/:name/approval`;
  return [
    { method: "GET", path, handle: ({ params }) => ({ code: 200, body: find(params["name"]) }) },
    { method: "PUT", path, handle: put },
  ];

  function find(name = ""): CertificateRequest {
    const stored = context.store.get(CERTIFICATE_REQUEST, { name });
    if (stored === undefined) throw notFound(CERTIFICATE_REQUEST, name);
    return stored;
  }

  async function put({ params, headers, body }: Call, caller: Caller): Promise<Answer> {
    const { draft } = parse(CERTIFICATE_REQUEST, readBody(headers, body));
    const stored = find(params["name"]);
    checkVersion({ kind: CERTIFICATE_REQUEST, stored, sent: draft.metadata });
    checkMayApprove(stored, caller, context);
    const conditions = decided(stored, draft.status?.conditions ?? [], context.clock.timestamp());
    const issued = await issue(stored, conditions, authority);
    const next = { ...stored, status: { ...stored.status, ...issued } };
    const { resourceVersion: expected } = stored.metadata;
    return { code: 200, body: await context.store.put(next, { expected }) };
  }
}

function checkMayApprove(
  { spec: { signerName }, metadata }: CertificateRequest,
  caller: Caller,
  { access }: ServerContext,
): void {
  const asked = { verb: "approve", path: "", apiGroup: GROUP, resource: "signers" };
  const all = `${signerName.split("/")[0]}/*`;
  try {
    checkAllowed(access, caller, { ...asked, name: signerName });
  } catch {
    try {
      checkAllowed(access, caller, { ...asked, name: all });
    } catch (cause) {
      const why = `user not permitted to approve requests with signerName "${signerName}"`;
      const { message, status } = forbidden(CERTIFICATE_REQUEST, metadata.name, why);
      throw new ApiError("Forbidden", message, { ...status, cause });
    }
  }
}

/** What is decided stays so: conditions are added, and not taken away. */
function decided(
  { status: { conditions: before = [] } = {} }: CertificateRequest,
  sent: readonly RequestCondition[],
  now: string,
): readonly RequestCondition[] {
  const added = sent
    .filter(({ type }) => type === "Approved" || type === "Denied")
    .filter(({ type }) => !before.some((it) => it.type === type))
    .map((it) => ({ ...it, ...TRUE, lastUpdateTime: now, lastTransitionTime: now }));
  const all = [...before, ...added];
  const has = (type: string) => all.some((it) => it.type === type);
  if (!has("Approved") || !has("Denied")) return all;
  const message = "Invalid value: Approved and Denied conditions are mutually exclusive";
  const field = "status.conditions";
  throw invalid(CERTIFICATE_REQUEST, "", [{ field, message, reason: "FieldValueInvalid" }]);
}

async function issue(
  { spec, status }: CertificateRequest,
  conditions: readonly RequestCondition[],
  authority: ClientAuthority,
) {
  const isApproved = conditions.some(({ type }) => type === "Approved");
  const isDone =
    (status?.certificate ?? "") !== "" || conditions.some((it) => it.type === "Failed");
  if (!isApproved || isDone) return { conditions };
  const request = Buffer.from(spec.request, "base64").toString("latin1");
  const seconds = Math.min(spec.expirationSeconds ?? SECONDS_MAX, SECONDS_MAX);
  try {
    const { organizations } = await authority.subjectOf(request);
    if (organizations.includes(MASTERS)) {
      throw new Error(`certificates with the organization "${MASTERS}" are not issued`);
    }
    const certificate = await authority.sign(request, seconds);
    return { conditions, certificate: Buffer.from(certificate).toString("base64") };
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const failed = { ...TRUE, type: "Failed", reason: "SignerValidationFailure", message };
    return { conditions: [...conditions, failed] };
  }
}
