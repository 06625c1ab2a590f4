/** What a request wants to do, in the words that rules are written in. */
export interface Attributes {
  readonly verb: string;
  /** As it was sent, without the query. */
  readonly path: string;
  /** Nothing when the path is of no resource, such as /healthz. */
  readonly resource?: string;
  readonly apiGroup?: string;
  readonly apiVersion?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
}

/** Parts of a namespace that are no kinds of their own. */
const NAMESPACE_PARTS: ReadonlySet<string> = new Set(["status", "finalize"]);

const VERB_OF: Readonly<Record<string, string>> = {
  GET: "get",
  HEAD: "get",
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

/**
 * What a method and a path come to, exactly as Kubernetes reads them:
 *
 *     /api/VERSION/…   /apis/GROUP/VERSION/…
 *     … [namespaces/NAMESPACE/] RESOURCE [/NAME [/SUBRESOURCE]]
 */
export function attributesOf({ method, path, query }: Asked): Attributes {
  const steps = path.split("/").filter((step) => step !== "");
  const isCore = steps[0] === "api";
  const head = isCore ? 2 : 3;
  if ((!isCore && steps[0] !== "apis") || steps.length <= head) {
    return { verb: method.toLowerCase(), path };
  }
  const verb = VERB_OF[method] ?? method.toLowerCase();
  const { namespace, rest } = placed(steps.slice(head).map(decoded));
  const [resource = "", name = "", subresource = ""] = rest;
  const asked = name === "" ? nameIn(query.get("fieldSelector")) : name;
  return {
    verb: name === "" ? verbOnAll(verb, query) : verb,
    path,
    resource,
    apiGroup: isCore ? "" : (steps[1] ?? ""),
    apiVersion: steps[head - 1] ?? "",
    ...(subresource !== "" && { subresource }),
    ...(namespace !== "" && { namespace }),
    ...(asked !== "" && { name: asked }),
  };
}

interface Placed {
  readonly namespace: string;
  readonly rest: readonly string[];
}

function placed(steps: readonly string[]): Placed {
  const [first, namespace = "", third] = steps;
  if (first !== "namespaces") return { namespace: "", rest: steps };
  const isItself = third === undefined || NAMESPACE_PARTS.has(third);
  return { namespace, rest: isItself ? steps : steps.slice(2) };
}

function verbOnAll(verb: string, query: URLSearchParams): string {
  if (verb === "delete") return "deletecollection";
  if (verb !== "get") return verb;
  const watch = query.get("watch");
  return watch === "true" || watch === "1" ? "watch" : "list";
}

/** Who lists or watches one by its name may do so where rules name it. */
function nameIn(fieldSelector: string | null): string {
  return /^metadata\.name==?([^,=!]+)$/.exec(fieldSelector ?? "")?.[1] ?? "";
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}
