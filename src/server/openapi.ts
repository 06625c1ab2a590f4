import { createHash } from "node:crypto";
import { describedOf } from "../api/described.ts";
import { groupOf, versionOf } from "../api/group.ts";
import type { Kind } from "../api/kind.ts";
import type { Shape } from "../base/schema.ts";

/**
 * `/openapi/v2`: all of it in one document, for clients from before version 3. There are no
 * operations in it but their names, which is what such clients look for.
 */
export function openapiV2(kinds: readonly Kind[]): object {
  const definitions = Object.fromEntries(kinds.map((kind) => [schemaName(kind), schema(kind)]));
  const operations = Object.entries(Object.assign({}, ...kinds.map(pathsOf)) as Paths);
  const paths = operations.map(([path, verbs]) => {
    const all = Object.entries(verbs).map(([verb, operation]) => [verb, operationV2(operation)]);
    return [path, Object.fromEntries(all)];
  });
  const info = { title: "Varve", version: "v1" };
  return { swagger: "2.0", info, paths: Object.fromEntries(paths), definitions };
}

interface Operation {
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly responses: unknown;
}

type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

function operationV2({ parameters, responses: _, ...operation }: Operation): object {
  const plain = parameters.map(({ name, in: where }) => {
    return { name, in: where, type: "string", ...(where === "path" && { required: true }) };
  });
  const responses = { "200": { description: "OK" }, "401": { description: "Unauthorized" } };
  return { ...operation, consumes: ["*/*"], produces: TYPES, parameters: plain, responses };
}

const TYPES = ["application/json", "application/yaml"];

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
  return { ...openapiShape(describedOf(kind)), "x-kubernetes-group-version-kind": [type] };
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

const WRITES = ["dryRun", "fieldManager", "fieldValidation"];
const LISTS = [
  ...["labelSelector", "fieldSelector", "limit", "continue", "resourceVersion"],
  ...["resourceVersionMatch", "watch", "allowWatchBookmarks", "sendInitialEvents"],
  ...["timeoutSeconds"],
];
const DELETES = ["dryRun", "gracePeriodSeconds", "propagationPolicy"];

function pathsOf(kind: Kind): object {
  const { refuses = {}, isNamespaced, plural, hasStatus, scale } = kind;
  const home = `${basePath(kind.apiVersion)}/${isNamespaced ? "namespaces/{namespace}/" : ""}`;
  const all = `${home}${plural}`;
  if (kind.isAnswered === true) {
    return { [all]: { post: operation(kind, { path: all, action: "post", query: WRITES }) } };
  }
  const one = `${all}/{name}`;
  const on = (path: string, action: string, query: readonly string[] = []) =>
    operation(kind, { path, action, query });
  const update = (path: string) => ({
    get: on(path, "get"),
    put: on(path, "put", WRITES),
    patch: on(path, "patch", [...WRITES, "force"]),
  });
  const everywhere = `${basePath(kind.apiVersion)}/${plural}`;
  return {
    ...(isNamespaced && { [everywhere]: { get: on(everywhere, "list", LISTS) } }),
    [all]: {
      get: on(all, "list", LISTS),
      ...(refuses.create === undefined && { post: on(all, "post", WRITES) }),
    },
    [one]: {
      ...(refuses.update === undefined ? update(one) : { get: on(one, "get") }),
      ...(refuses.delete === undefined && { delete: on(one, "delete", DELETES) }),
    },
    ...(hasStatus && { [`${one}/status`]: update(`${one}/status`) }),
    ...(scale !== undefined && { [`${one}/scale`]: update(`${one}/scale`) }),
  };
}

interface Named {
  readonly path: string;
  readonly action: string;
  readonly query: readonly string[];
}

function operation(kind: Kind, { path, action, query }: Named): object {
  const group = groupOf(kind.apiVersion);
  const version = versionOf(kind.apiVersion);
  const content = {
    "application/json": { schema: { $ref: `#/components/schemas/${schemaName(kind)}` } },
  };
  const steps = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
    ...{ name, in: "path", required: true, schema: { type: "string" } },
  }));
  const asked = query.map((name) => ({ name, in: "query", schema: { type: "string" } }));
  return {
    operationId: `${action}${path.replaceAll(/[^A-Za-z0-9]+(\w?)/g, (_, it) => it.toUpperCase())}`,
    parameters: [...steps, ...asked],
    responses: { "200": { description: "OK", content } },
    "x-kubernetes-action": action,
    "x-kubernetes-group-version-kind": { group, version, kind: kind.kind },
  };
}
