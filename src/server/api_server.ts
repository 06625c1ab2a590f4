import { ApiError, brief, statusOf } from "../api/error.ts";
import type { Kind } from "../api/kind.ts";
import { REVIEWS } from "../api/review.ts";
import type { Answer, Call } from "../base/call.ts";
import { BodyTooLarge } from "../base/http_body.ts";
import { type HttpServer, makeHttpServer, type TlsOptions } from "../base/http_server.ts";
import type { Log } from "../base/log.ts";
import { BadPath } from "../base/routes.ts";
import { writeYaml } from "../base/yaml.ts";
import { type AccountTokens, accountTokenRoutes } from "./access/account_tokens.ts";
import type { Audit } from "./access/audit.ts";
import { type ClientAuthority, certificateRoutes } from "./access/certificate_routes.ts";
import { Gate } from "./access/gate.ts";
import { isPublic } from "./access/public.ts";
import { reviewRoutes } from "./access/review_routes.ts";
import type { ApiRoute } from "./api_route.ts";
import type { Authenticator, TokenAuthenticator } from "./authentication.ts";
import { type Backups, backupRoutes } from "./backup_routes.ts";
import type { ServerContext } from "./context.ts";
import {
  aggregatedDiscovery,
  coreVersions,
  groupInfo,
  groupList,
  resourceList,
  versionInfo,
} from "./discovery.ts";
import { keyRoutes, type RotatedKey } from "./key_routes.ts";
import { formOf, isYamlWanted } from "./negotiation.ts";
import { basePath, groupVersions } from "./openapi.ts";
import { openapiRoutes } from "./openapi_routes.ts";
import { type PodExec, podExecRoutes } from "./pod_exec.ts";
import { type PodLogs, podLogRoute } from "./pod_log.ts";
import { COMPUTED, type Measure, metricsRoutes } from "./pod_metrics.ts";
import { type PodDial, portForwardRoutes } from "./pod_port_forward.ts";
import { resourceRoutes } from "./resource_routes.ts";
import { type Sight, sightRoutes } from "./sight_routes.ts";
import { type Uploads, uploadRoutes } from "./upload_routes.ts";
import { type Verify, verifyRoute } from "./verify_route.ts";
import { VIEWED, viewRoutes } from "./view_routes.ts";

export interface ApiServerDeps {
  readonly context: ServerContext;
  readonly authenticator: Authenticator;
  readonly tls: TlsOptions;
  readonly log: Log;
  readonly audit?: Audit;
  /** Reviewed for others who ask whose they are. */
  readonly tokens?: TokenAuthenticator;
  /** Of ServiceAccounts; without it there are none. */
  readonly accountTokens?: AccountTokens;
  /** Signs certificates of clients; without it, none are issued. */
  readonly clientAuthority?: ClientAuthority;
  /** What one user may ask a second, unless they are administrators; nothing is no limit. */
  readonly requestsPerSecond?: number;
  /** How many watches and followed logs one may have open; 0 is no limit. */
  readonly streamsPerUser?: number;
  /** Of Varve. */
  readonly version: string;
  /** What is not well, a line each; nothing when all is. */
  readonly troubles: () => readonly string[];
  readonly podLogs: PodLogs;
  readonly exec: PodExec;
  readonly dial: PodDial;
  readonly measure: Measure;
  readonly uploads: Uploads;
  /** Without it there are no metrics. */
  readonly sight?: Sight;
  readonly verify?: Verify;
  /** Without it none can be made. */
  readonly backups?: Backups;
  /** Without it, keys stay as they are. */
  readonly rotateKey?: () => Promise<RotatedKey>;
}

/** What one object may hold on the wire, as in Kubernetes. */
const BODY_BYTES_MAX = 3 * 1024 * 1024;

/** The API on HTTPS: Kubernetes' paths, verbs and errors. Only its health is told to anybody. */
export function makeApiServer(deps: ApiServerDeps): HttpServer {
  const gate = new Gate({ ...deps, isPublic });
  const server = makeHttpServer({
    tls: deps.tls,
    bodyBytesMax: BODY_BYTES_MAX,
    onRequest: (call) => gate.admit(call),
    onError(thrown, call) {
      const told = known(thrown);
      gate.failed(call, told);
      return refusal(told, { call, log: deps.log });
    },
    onUnknown() {
      throw new ApiError("NotFound", "the server could not find the requested resource");
    },
  });
  for (const path of ["/healthz", "/livez", "/readyz"])
    server.route("GET", path, () => health(deps));
  for (const { method, path, handle, isStreamed = false } of routesOf(deps)) {
    const handler = (call: Call) => {
      const answer = gate.pass(call, (caller) => handle(call, caller));
      // At once where it can be: each wait costs a turn of its own.
      if (!(answer instanceof Promise)) return inWantedType(answer, call);
      return answer.then((it) => inWantedType(it, call));
    };
    server.route(method, path, handler, { isStreamed });
  }
  return server;
}

function routesOf(deps: ApiServerDeps): readonly ApiRoute[] {
  const { context } = deps;
  return [
    ...discoveryRoutes(deps),
    ...openapiRoutes(servedKinds(context)),
    ...context.kinds.flatMap((kind) => resourceRoutes(kind, context)),
    ...viewRoutes(context),
    ...metricsRoutes(deps.measure, context),
    podLogRoute(deps.podLogs, context),
    ...podExecRoutes(deps, context),
    ...portForwardRoutes(deps.dial, context),
    ...uploadRoutes(deps.uploads),
    ...(deps.backups === undefined ? [] : backupRoutes(deps.backups)),
    ...(deps.rotateKey === undefined ? [] : keyRoutes(deps.rotateKey)),
    ...(deps.sight === undefined ? [] : sightRoutes(deps.sight)),
    ...(deps.verify === undefined ? [] : [verifyRoute(deps.verify)]),
    ...reviewRoutes(deps),
    ...(deps.clientAuthority ? certificateRoutes(deps.clientAuthority, context) : []),
    ...(deps.accountTokens === undefined ? [] : accountTokenRoutes(deps.accountTokens)),
  ];
}

function discoveryRoutes({ context, version }: ApiServerDeps): readonly ApiRoute[] {
  const kinds = servedKinds(context);
  const get = (path: string, answer: (call: Call) => object): ApiRoute => {
    return { method: "GET", path, handle: (call) => ({ code: 200, ...answered(answer(call)) }) };
  };
  const discovered = (isCore: boolean) => (call: Call) => {
    if (formOf(call.headers.accept) === "APIGroupDiscoveryList")
      return aggregatedDiscovery(kinds, isCore);
    return isCore ? coreVersions(call.headers.host ?? "") : groupList(kinds);
  };
  const versions = groupVersions(kinds);
  const groups = versions.filter((it) => it.includes("/")).map((it) => it.split("/")[0] ?? "");
  return [
    get("/version", () => versionInfo(version)),
    get("/api", discovered(true)),
    get("/apis", discovered(false)),
    ...[...new Set(groups)].map((group) => get(`/apis/${group}`, () => groupInfo(kinds, group))),
    ...versions.map((it) => get(basePath(it), () => resourceList(kinds, it))),
  ];
}

/** The aggregated form has a type of its own, by which clients tell that they got it. */
function answered(body: object): Pick<Answer, "body" | "headers"> {
  const isAggregated = "kind" in body && body.kind === "APIGroupDiscoveryList";
  if (!isAggregated) return { body };
  const type = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
  return { body, headers: { "content-type": type } };
}

/** Stored or not: all that clients can discover. */
function servedKinds({ kinds }: ServerContext): readonly Kind[] {
  return [...kinds, ...VIEWED, ...COMPUTED, ...REVIEWS];
}

/** The answer as YAML, for those who would rather have it so. */
function inWantedType(answer: Answer, { headers }: Call): Answer {
  const { body } = answer;
  const type = answer.headers?.["content-type"];
  const isJson = typeof body === "string" ? type === "application/json" : type === undefined;
  if (body === undefined || Buffer.isBuffer(body) || !isJson) return answer;
  if (!isYamlWanted(headers.accept)) return answer;
  const value: unknown = typeof body === "string" ? JSON.parse(body) : body;
  const yaml = { ...answer.headers, "content-type": "application/yaml" };
  return { ...answer, headers: yaml, body: writeYaml(value) };
}

function health({ troubles }: ApiServerDeps): Answer {
  const lines = troubles();
  const headers = { "content-type": "text/plain" };
  if (lines.length === 0) return { code: 200, headers, body: "ok" };
  return { code: 503, headers, body: `${lines.join("\n")}\n` };
}

function refusal(
  thrown: unknown,
  { call, log }: { readonly call: Call; readonly log: Log },
): Answer {
  const status = statusOf(thrown);
  const { method, path } = call;
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  // Who asks for what is yet to come is told to wait, which is no failure of ours.
  const isOurs = status.code >= 500 && status.code !== 501 && status.reason !== "Timeout";
  if (isOurs) log.error({ err: thrown, method, path }, "a request failed");
  else if (cause !== undefined) log.debug({ err: cause, method, path }, "a request was refused");
  const retry = status.details?.retryAfterSeconds;
  const headers = retry === undefined ? {} : { "retry-after": String(retry) };
  return { code: status.code, headers, body: status };
}

/** What the HTTP server itself refuses, in our words. */
function known(thrown: unknown): unknown {
  if (thrown instanceof BodyTooLarge) return tooLarge(thrown);
  if (!(thrown instanceof BadPath)) return thrown;
  return new ApiError("BadRequest", `the path cannot be read: ${brief(thrown.message)}`);
}

function tooLarge({ bytesMax }: BodyTooLarge): ApiError {
  const message = `the body is too large: at most ${bytesMax} bytes are read here`;
  return new ApiError("RequestEntityTooLarge", message);
}
