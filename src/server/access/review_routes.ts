import { ApiError, invalid } from "../../api/error.ts";
import { type Kind, parse } from "../../api/kind.ts";
import type { Resource } from "../../api/meta.ts";
import {
  type AccessReview,
  LOCAL_SUBJECT_ACCESS_REVIEW,
  type RulesReview,
  SELF_SUBJECT_ACCESS_REVIEW,
  SELF_SUBJECT_REVIEW,
  SELF_SUBJECT_RULES_REVIEW,
  SUBJECT_ACCESS_REVIEW,
  type SubjectReview,
  TOKEN_REVIEW,
  type TokenReview,
} from "../../api/review.ts";
import type { StatusCause } from "../../api/status.ts";
import type { Answer, Call } from "../../base/call.ts";
import { TokenError } from "../../base/jwt.ts";
import type { ApiRoute } from "../api_route.ts";
import type { TokenAuthenticator } from "../authentication.ts";
import { readBody } from "../body.ts";
import { type Caller, isMaster, type ServerContext } from "../context.ts";
import { basePath } from "../openapi.ts";
import type { Attributes } from "./attributes.ts";

export interface ReviewDeps {
  readonly context: ServerContext;
  readonly tokens?: TokenAuthenticator;
}

type Answering = (call: Call, caller: Caller) => object | Promise<object>;

/** Questions about who one is and what one may, as `kubectl auth` asks them. */
export function reviewRoutes({ context, tokens }: ReviewDeps): readonly ApiRoute[] {
  const { access } = context;
  const decide = (caller: Caller, asked: Attributes) =>
    isMaster(caller)
      ? { isAllowed: true, reason: "" }
      : (access?.decide(caller, asked) ?? { isAllowed: false, reason: "" });
  return [
    route(SELF_SUBJECT_REVIEW, (_call, caller) => ({ userInfo: userInfo(caller) })),
    route(SELF_SUBJECT_ACCESS_REVIEW, (call, caller) => {
      const { spec } = bodyOf<AccessReview>(SELF_SUBJECT_ACCESS_REVIEW, call);
      return answered(decide(caller, attributesOf(SELF_SUBJECT_ACCESS_REVIEW, spec)));
    }),
    route(SUBJECT_ACCESS_REVIEW, (call) => {
      const { spec } = bodyOf<SubjectReview>(SUBJECT_ACCESS_REVIEW, call);
      const asked = attributesOf(SUBJECT_ACCESS_REVIEW, spec);
      return answered(decide(subjectOf(SUBJECT_ACCESS_REVIEW, spec), asked));
    }),
    route(LOCAL_SUBJECT_ACCESS_REVIEW, (call) => {
      const { spec } = bodyOf<SubjectReview>(LOCAL_SUBJECT_ACCESS_REVIEW, call);
      checkPlace(spec, call);
      const asked = attributesOf(LOCAL_SUBJECT_ACCESS_REVIEW, spec);
      return answered(decide(subjectOf(LOCAL_SUBJECT_ACCESS_REVIEW, spec), asked));
    }),
    route(SELF_SUBJECT_RULES_REVIEW, (call, caller) => rulesFor(call, caller, context)),
    ...(tokens === undefined
      ? []
      : [route(TOKEN_REVIEW, (call) => tokenReviewed(call, tokens), withoutToken)]),
  ];
}

function route(
  kind: Kind,
  answer: Answering,
  shown: (spec: unknown) => unknown = (spec) => spec,
): ApiRoute {
  const home = basePath(kind.apiVersion);
  const path = `${home}/${kind.isNamespaced ? "namespaces/:namespace/" : ""}${kind.plural}`;
  return { method: "POST", path, handle };

  async function handle(call: Call, caller: Caller): Promise<Answer> {
    const status = await answer(call, caller);
    const { spec } = bodyOf<Resource>(kind, call);
    const { apiVersion, kind: name } = kind;
    const said = spec === undefined ? {} : { spec: shown(spec) };
    const metadata = { creationTimestamp: null };
    return { code: 201, body: { kind: name, apiVersion, metadata, ...said, status } };
  }
}

function bodyOf<R extends Resource>(kind: Kind, { headers, body }: Call): R {
  return parse(kind, readBody(headers, body) ?? {}).draft as unknown as R;
}

function withoutToken(spec: unknown): unknown {
  const { token: _, ...rest } = spec as { readonly token?: string };
  return rest;
}

export function userInfo({ user, uid, groups, extra }: Caller): object {
  return { username: user, ...(uid && { uid }), groups, ...(extra && { extra }) };
}

function answered({ isAllowed, reason }: { readonly isAllowed: boolean; readonly reason: string }) {
  return { allowed: isAllowed, ...(reason !== "" && { reason }) };
}

function attributesOf(kind: Kind, spec: AccessReview["spec"]): Attributes {
  const { resourceAttributes: about, nonResourceAttributes: path } = spec;
  if ((about === undefined) === (path === undefined)) {
    const message =
      "Invalid value: exactly one of nonResourceAttributes or resourceAttributes must be specified";
    throw wrong(kind, { field: "spec.resourceAttributes", message, reason: "FieldValueInvalid" });
  }
  if (about === undefined) return { verb: path?.verb ?? "", path: path?.path ?? "" };
  const {
    verb = "",
    group = "",
    version = "",
    resource = "",
    subresource,
    namespace,
    name,
  } = about;
  return {
    ...{ verb, path: "", apiGroup: group, apiVersion: version, resource },
    ...(subresource && { subresource }),
    ...(namespace && { namespace }),
    ...(name && { name }),
  };
}

function subjectOf(
  kind: Kind,
  { user = "", groups = [], uid, extra }: SubjectReview["spec"],
): Caller {
  if (user !== "" || groups.length > 0) {
    return { user, groups, ...(uid && { uid }), ...(extra && { extra }) };
  }
  const message = "Invalid value: at least one of user or group must be specified";
  throw wrong(kind, { field: "spec.user", message, reason: "FieldValueInvalid" });
}

function checkPlace({ resourceAttributes: about }: SubjectReview["spec"], { params }: Call): void {
  const { namespace } = params;
  if (about !== undefined && about.namespace === namespace) return;
  const said = JSON.stringify(about?.namespace ?? "");
  const message = `Invalid value: ${said}: must be "${namespace}"`;
  const field = "spec.resourceAttributes.namespace";
  throw wrong(LOCAL_SUBJECT_ACCESS_REVIEW, { field, message, reason: "FieldValueInvalid" });
}

function rulesFor(call: Call, caller: Caller, { access }: ServerContext): object {
  const { spec } = bodyOf<RulesReview>(SELF_SUBJECT_RULES_REVIEW, call);
  const { namespace = "" } = spec;
  if (namespace === "") throw new ApiError("BadRequest", "no namespace on request");
  const { rules: all = [], problems = [] } = access?.rulesOf(caller, namespace) ?? {};
  const rules = [...new Map(all.map((rule) => [JSON.stringify(rule), rule])).values()];
  const paths = rules.filter((rule) => (rule.nonResourceURLs ?? []).length > 0);
  const others = rules.filter((rule) => !paths.includes(rule));
  return {
    resourceRules: others.map(({ verbs, apiGroups = [], resources = [], resourceNames = [] }) => {
      return { verbs, apiGroups, resources, ...(resourceNames.length > 0 && { resourceNames }) };
    }),
    nonResourceRules: paths.map(({ verbs, nonResourceURLs = [] }) => ({ verbs, nonResourceURLs })),
    incomplete: false,
    ...(problems.length > 0 && { evaluationError: problems.join(", ") }),
  };
}

async function tokenReviewed(call: Call, tokens: TokenAuthenticator): Promise<object> {
  const { token = "", audiences = [] } = bodyOf<TokenReview>(TOKEN_REVIEW, call).spec;
  if (token === "") throw new ApiError("BadRequest", "token is required for TokenReview");
  const wanted = audiences.length === 0 ? tokens.audiences : audiences;
  try {
    const owner = await tokens.review(token, wanted);
    if (owner === undefined) return { authenticated: false, error: "the token is not known here" };
    return { authenticated: true, user: userInfo(owner.caller), audiences: owner.audiences };
  } catch (thrown) {
    if (!(thrown instanceof TokenError)) throw thrown;
    return { authenticated: false, error: thrown.message };
  }
}

function wrong(kind: Kind, cause: StatusCause): ApiError {
  return invalid(kind, "", [cause]);
}
