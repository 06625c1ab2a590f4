import { groupOf, versionOf } from "../api/group.ts";
import type { Kind } from "../api/kind.ts";
import { NAMESPACE } from "../api/namespace.ts";
import { TOKEN_REQUEST } from "../api/review.ts";
import { SCALE } from "../api/scale.ts";

/** The version of Kubernetes whose manners we have: what clients choose theirs by. */
const KUBERNETES = { major: "1", minor: "32" };

/** `/version`. */
export function versionInfo(varve: string): object {
  const { major, minor } = KUBERNETES;
  return {
    major,
    minor,
    gitVersion: `v${major}.${minor}.0+varve-${varve}`,
    gitCommit: "",
    gitTreeState: "clean",
    buildDate: "1970-01-01T00:00:00Z",
    goVersion: "",
    compiler: "node",
    platform: `${process.platform}/${process.arch}`,
  };
}

/** `/api`. */
export function coreVersions(serverAddress: string): object {
  const serverAddressByClientCIDRs = [{ clientCIDR: "0.0.0.0/0", serverAddress }];
  return { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs };
}

/** `/apis`: every group but the core one. */
export function groupList(kinds: readonly Kind[]): object {
  const groups = groupNames(kinds).map((name) => groupInfo(kinds, name));
  return { kind: "APIGroupList", apiVersion: "v1", groups };
}

/** `/apis/GROUP`. */
export function groupInfo(kinds: readonly Kind[], name: string): object {
  const versions = versionsOf(kinds, name).map((version) => {
    return { groupVersion: `${name}/${version}`, version };
  });
  const preferredVersion = versions[0];
  return { kind: "APIGroup", apiVersion: "v1", name, versions, preferredVersion };
}

/** `/api/v1` and `/apis/GROUP/VERSION`. */
export function resourceList(kinds: readonly Kind[], groupVersion: string): object {
  const resources = kinds
    .filter(({ apiVersion }) => apiVersion === groupVersion)
    .flatMap((kind) => {
      const { plural, singular, isNamespaced, shortNames, categories } = kind;
      const own = { name: plural, singularName: singular, namespaced: isNamespaced };
      const more = { ...(shortNames && { shortNames }), ...(categories && { categories }) };
      const whole = { ...own, kind: kind.kind, verbs: verbsOf(kind), ...more };
      const parts = subresourcesOf(kind).map(({ name, verbs, responseKind, responseVersion }) => ({
        name: `${plural}/${name}`,
        singularName: "",
        namespaced: isNamespaced,
        ...(responseVersion && typeOf(responseVersion)),
        kind: responseKind,
        verbs,
      }));
      return [whole, ...parts];
    });
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion, resources };
}

/** The same for all groups in one answer: `/api` and `/apis` of clients since Kubernetes 1.27. */
export function aggregatedDiscovery(kinds: readonly Kind[], isCore: boolean): object {
  const names = isCore ? [""] : groupNames(kinds);
  const items = names.map((name) => ({
    metadata: { name, creationTimestamp: null },
    versions: versionsOf(kinds, name).map((version) => ({
      version,
      resources: kinds
        .filter((kind) => groupOf(kind.apiVersion) === name)
        .filter((kind) => versionOf(kind.apiVersion) === version)
        .map(aggregated),
      freshness: "Current",
    })),
  }));
  const head = { kind: "APIGroupDiscoveryList", apiVersion: "apidiscovery.k8s.io/v2" };
  return { ...head, metadata: {}, items };
}

function aggregated(kind: Kind): object {
  const { apiVersion, plural, singular, isNamespaced, shortNames, categories } = kind;
  const group = groupOf(apiVersion);
  const version = versionOf(apiVersion);
  const subresources = subresourcesOf(kind).map((it) => {
    const type = typeOf(it.responseVersion ?? apiVersion);
    const responseKind = { ...type, kind: it.responseKind };
    return { subresource: it.name, responseKind, verbs: it.verbs };
  });
  return {
    resource: plural,
    responseKind: { group, version, kind: kind.kind },
    scope: isNamespaced ? "Namespaced" : "Cluster",
    singularResource: singular,
    verbs: verbsOf(kind),
    ...(shortNames && { shortNames }),
    ...(categories && { categories }),
    ...(subresources.length > 0 && { subresources }),
  };
}

interface Subresource {
  readonly name: string;
  readonly verbs: readonly string[];
  readonly responseKind: string;
  /** Of the response, when it is of another group than the resource. */
  readonly responseVersion?: string;
}

const POD_PARTS: readonly Subresource[] = [
  { name: "log", verbs: ["get"], responseKind: "Pod" },
  { name: "attach", verbs: ["create", "get"], responseKind: "PodAttachOptions" },
  { name: "exec", verbs: ["create", "get"], responseKind: "PodExecOptions" },
  { name: "portforward", verbs: ["create", "get"], responseKind: "PodPortForwardOptions" },
];

function subresourcesOf(kind: Kind): readonly Subresource[] {
  const status = { name: "status", verbs: ["get", "patch", "update"], responseKind: kind.kind };
  const approval = { name: "approval", verbs: ["get", "update"], responseKind: kind.kind };
  const token = {
    ...{ name: "token", verbs: ["create"], responseKind: TOKEN_REQUEST.kind },
    responseVersion: TOKEN_REQUEST.apiVersion,
  };
  const scale = { ...status, name: "scale", responseKind: SCALE.kind };
  return [
    ...(kind.hasStatus ? [status] : []),
    ...(kind.scale === undefined ? [] : [{ ...scale, responseVersion: SCALE.apiVersion }]),
    ...(kind.kind === "Pod" ? POD_PARTS : []),
    ...(kind.kind === "ServiceAccount" ? [token] : []),
    ...(kind.kind === "CertificateSigningRequest" ? [approval] : []),
  ];
}

function verbsOf({
  kind,
  refuses = {},
  isAnswered = false,
  isComputed = false,
}: Kind): readonly string[] {
  if (isAnswered) return ["create"];
  if (isComputed) return ["get", "list"];
  const writes = [
    ...(refuses.create === undefined ? ["create"] : []),
    ...(refuses.delete === undefined ? ["delete"] : []),
    ...(refuses.delete === undefined && kind !== NAMESPACE.kind ? ["deletecollection"] : []),
    ...(refuses.update === undefined ? ["patch", "update"] : []),
  ];
  return [...writes, "get", "list", "watch"].sort();
}

function typeOf(apiVersion: string) {
  return { group: groupOf(apiVersion), version: versionOf(apiVersion) };
}

function groupNames(kinds: readonly Kind[]): readonly string[] {
  const names = kinds.map(({ apiVersion }) => groupOf(apiVersion));
  return [...new Set(names)].filter((name) => name !== "");
}

function versionsOf(kinds: readonly Kind[], group: string): readonly string[] {
  const own = kinds.filter(({ apiVersion }) => groupOf(apiVersion) === group);
  return [...new Set(own.map(({ apiVersion }) => versionOf(apiVersion)))];
}
