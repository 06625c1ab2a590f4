import { createHash } from "node:crypto";
import { groupOf, versionOf } from "../api/group.ts";
import { type Kind, schemaOf } from "../api/kind.ts";
import type { Shape } from "../base/schema.ts";

/** `/openapi/v3`: where the document of each group and version is. */
export function openapiIndex(kinds: readonly Kind[]): object {
  const paths = groupVersions(kinds).map((groupVersion) => {
    const path = basePath(groupVersion).slice(1);
    const text = JSON.stringify(openapiOf(kinds, groupVersion));
    const hash = createHash("sha256").update(text).digest("hex").slice(0, 32).toUpperCase();
    return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }];
  });
  return { paths: Object.fromEntries(paths) };
}

/** `/openapi/v3/api/v1` and the like: the kinds of one group and version, and their operations. */
export function openapiOf(kinds: readonly Kind[], groupVersion: string): object {
  const own = kinds.filter(({ apiVersion }) => apiVersion === groupVersion);
  const schemas = Object.fromEntries(own.map((kind) => [schemaName(kind), schema(kind)]));
  const paths = Object.assign({}, ...own.map(pathsOf));
  const info = { title: "Varve", version: groupVersion };
  return { openapi: "3.0.0", info, paths, components: { schemas } };
}

/** "/api/v1" or "/apis/GROUP/VERSION". */
export function basePath(apiVersion: string): string {
  return groupOf(apiVersion) === "" ? `/api/${apiVersion}` : `/apis/${apiVersion}`;
}

export function groupVersions(kinds: readonly Kind[]): readonly string[] {
  return [...new Set(kinds.map(({ apiVersion }) => apiVersion))];
}

/** "dev.knative.serving.v1.Service", as Kubernetes names the schemas of custom resources. */
function schemaName({ apiVersion, kind }: Kind): string {
  const group = groupOf(apiVersion);
  const path = group === "" ? "io.k8s.api.core" : group.split(".").reverse().join(".");
  return `${path}.${versionOf(apiVersion)}.${kind}`;
}

function schema(kind: Kind): object {
  const group = groupOf(kind.apiVersion);
  const version = versionOf(kind.apiVersion);
  const type = { group, version, kind: kind.kind };
  return { ...openapiShape(schemaOf(kind)), "x-kubernetes-group-version-kind": [type] };
}

/** OpenAPI 3.0 has no lists of types: an integer or a string is said by an extension alone. */
function openapiShape(shape: Shape): object {
  const { properties, items, additionalProperties, ...rest } = shape;
  const isEither = "x-kubernetes-int-or-string" in shape;
  const { type: _, ...untyped } = rest as { readonly type?: unknown };
  const inner = Object.entries(properties ?? {}).map(([key, it]) => [key, openapiShape(it)]);
  return {
    ...(isEither ? untyped : rest),
    ...(properties !== undefined && { properties: Object.fromEntries(inner) }),
    ...(items !== undefined && { items: openapiShape(items) }),
    ...(typeof additionalProperties === "object" && {
      additionalProperties: openapiShape(additionalProperties),
    }),
  };
}

function pathsOf(kind: Kind): object {
  const home = `${basePath(kind.apiVersion)}/${kind.isNamespaced ? "namespaces/{namespace}/" : ""}`;
  const all = `${home}${kind.plural}`;
  if (kind.isAnswered === true)
    return { [all]: { post: operation(kind, "post", FIELD_VALIDATION) } };
  const one = `${all}/{name}`;
  return {
    [all]: { get: operation(kind, "list"), post: operation(kind, "post", FIELD_VALIDATION) },
    [one]: {
      get: operation(kind, "get"),
      put: operation(kind, "put", FIELD_VALIDATION),
      patch: operation(kind, "patch", FIELD_VALIDATION),
      delete: operation(kind, "delete"),
    },
  };
}

const FIELD_VALIDATION = ["dryRun", "fieldManager", "fieldValidation"];

function operation(kind: Kind, action: string, query: readonly string[] = []): object {
  const group = groupOf(kind.apiVersion);
  const version = versionOf(kind.apiVersion);
  const content = {
    "application/json": { schema: { $ref: `#/components/schemas/${schemaName(kind)}` } },
  };
  return {
    operationId: `${action}${kind.kind}`,
    parameters: query.map((name) => ({ name, in: "query", schema: { type: "string" } })),
    responses: { "200": { description: "OK", content } },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": { group, version, kind: kind.kind },
  };
}
