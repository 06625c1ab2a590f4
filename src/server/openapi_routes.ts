import type { Kind } from "../api/kind.ts";
import type { Answer, Call } from "../base/call.ts";
import type { ApiRoute } from "./api_route.ts";
import { formOf } from "./negotiation.ts";
import { basePath, groupVersions, openapiIndex, openapiOf, openapiV2 } from "./openapi.ts";
import { OPENAPI_PROTOBUF, writeOpenapi } from "./openapi_protobuf.ts";

/** What `kubectl explain` and clients that check what they send ask for, in both versions. */
export function openapiRoutes(kinds: readonly Kind[]): readonly ApiRoute[] {
  const documents = groupVersions(kinds).map((it) =>
    documentAt(`/openapi/v3${basePath(it)}`, () => openapiOf(kinds, it)),
  );
  return [wholeDocument(kinds), documentAt("/openapi/v3", () => openapiIndex(kinds)), ...documents];
}

/** `/openapi/v2`, as JSON or in the one form that kubectl takes it in. */
function wholeDocument(kinds: readonly Kind[]): ApiRoute {
  const { handle, ...route } = documentAt("/openapi/v2", () => openapiV2(kinds));
  let bytes: Buffer | undefined;
  return {
    ...route,
    handle(call, caller) {
      if (!PROTOBUF.test(call.headers.accept ?? "")) return handle(call, caller);
      bytes ??= writeOpenapi(openapiV2(kinds) as Parameters<typeof writeOpenapi>[0]);
      return { code: 200, headers: { "content-type": OPENAPI_PROTOBUF }, body: bytes };
    },
  };
}

/** In both of the spellings that clients have had for it. */
const PROTOBUF = /^application\/com\.github\.proto-openapi\.spec\.v2[@.]v1\.0\+protobuf/;

/** It never changes while the server runs, and is long: it is written once. */
function documentAt(path: string, documentOf: () => object): ApiRoute {
  let text: string | undefined;
  return { method: "GET", path, handle };

  function handle({ headers, query }: Call): Answer {
    // Those who want nothing but protobuf are told so, and do without.
    formOf(headers.accept);
    text ??= JSON.stringify(documentOf());
    const isKept = query.get("hash") !== null;
    const cached = { "cache-control": isKept ? "public, immutable" : "no-cache, private" };
    return { code: 200, headers: { "content-type": "application/json", ...cached }, body: text };
  }
}
