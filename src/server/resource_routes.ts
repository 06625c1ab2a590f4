import { ApiError, isReason } from "../api/error.ts";
import { groupOf } from "../api/group.ts";
import type { Kind } from "../api/kind.ts";
import type { ObjectKey, Resource } from "../api/meta.ts";
import { NAMESPACE } from "../api/namespace.ts";
import type { Status } from "../api/status.ts";
import type { Answer, Call } from "../base/call.ts";
import type { WriteRequest } from "./admit.ts";
import type { ApiRoute } from "./api_route.ts";
import { applyResource } from "./apply_resource.ts";
import { readBody, readSent } from "./body.ts";
import type { Caller, ServerContext } from "./context.ts";
import { createResource } from "./create_resource.ts";
import { type Deletion, deleteResource } from "./delete_resource.ts";
import { listPage, readPaging } from "./list_page.ts";
import { getResource, listResources, type Selection } from "./list_resources.ts";
import { formOf } from "./negotiation.ts";
import { basePath } from "./openapi.ts";
import { patchResource } from "./patch_resource.ts";
import { putResource } from "./put_resource.ts";
import { putStatus } from "./put_status.ts";
import { isTrue } from "./query.ts";
import { getScale, putScale } from "./scale_resource.ts";
import { type Body, type Shown, shownAs } from "./shown.ts";
import { includedIn } from "./table.ts";
import { warningHeader } from "./warning.ts";
import { streamWatch } from "./watch_stream.ts";
import { isForced, patchTypeOf, writeOf } from "./write_query.ts";

/** All paths of one kind, and what each verb does there. */
export function resourceRoutes(kind: Kind, context: ServerContext): readonly ApiRoute[] {
  const home = basePath(kind.apiVersion);
  const all = `${home}/${kind.plural}`;
  const inNamespace = `${home}/namespaces/:namespace/${kind.plural}`;
  const collection = kind.isNamespaced ? inNamespace : all;
  const one = `${collection}/:name`;
  const on = new Endpoint(kind, context);
  const route = (method: string, path: string, handle: ApiRoute["handle"]) => {
    return { method, path, handle };
  };
  const status = [
    route("GET", `${one}/status`, (call) => on.get(call)),
    route("PUT", `${one}/status`, (call, caller) => on.putStatus(call, caller)),
    route("PATCH", `${one}/status`, (call, caller) => on.patch(call, { caller, isOfStatus: true })),
  ];
  const scale = [
    route("GET", `${one}/scale`, (call) => on.getScale(call)),
    route("PUT", `${one}/scale`, (call, caller) => on.putScale(call, { caller, isPatch: false })),
    route("PATCH", `${one}/scale`, (call, caller) => on.putScale(call, { caller, isPatch: true })),
  ];
  return [
    ...(kind.isNamespaced ? [route("GET", all, (call) => on.listOrWatch(call))] : []),
    route("GET", collection, (call) => on.listOrWatch(call)),
    route("POST", collection, (call, caller) => on.create(call, caller)),
    // All namespaces with all that is in them is more than anybody means.
    ...(kind.kind === NAMESPACE.kind
      ? []
      : [route("DELETE", collection, (call, caller) => on.deleteAll(call, caller))]),
    route("GET", one, (call) => on.get(call)),
    route("PUT", one, (call, caller) => on.put(call, caller)),
    route("PATCH", one, (call, caller) => on.patch(call, { caller })),
    route("DELETE", one, (call, caller) => on.delete(call, caller)),
    ...(kind.hasStatus ? status : []),
    ...(kind.scale === undefined ? [] : scale),
  ];
}

/** The verbs of one kind: from a request to an operation, and from its outcome to an answer. */
class Endpoint {
  readonly #kind: Kind;
  readonly #context: ServerContext;

  constructor(kind: Kind, context: ServerContext) {
    this.#kind = kind;
    this.#context = context;
  }

  listOrWatch(call: Call): Answer {
    const selection = selectionOf(call, this.#kind);
    if (isTrue(call.query.get("watch"))) return streamWatch(call, { selection, ...this.#context });
    const shown = this.#shownAs(call);
    const { store } = this.#context;
    const page = listPage(store, selection, readPaging(call.query, store));
    return { code: 200, ...shown.all(page) };
  }

  get(call: Call): Answer {
    const shown = this.#shownAs(call);
    return { code: 200, ...shown.one(getResource(this.#context.store, this.#kind, keyOf(call))) };
  }

  create(call: Call, caller: Caller): Promise<Answer> {
    return this.#write(call, { caller, code: 201 }, (request) => {
      const { namespace } = call.params;
      const what = { kind: this.#kind, namespace, ...sentIn(call) };
      return createResource(this.#context, { ...request, ...what });
    });
  }

  put(call: Call, caller: Caller): Promise<Answer> {
    return this.#write(call, { caller }, (request) => {
      const what = { kind: this.#kind, key: keyOf(call), ...sentIn(call) };
      return putResource(this.#context, { ...request, ...what });
    });
  }

  putStatus(call: Call, caller: Caller): Promise<Answer> {
    return this.#write(call, { caller }, (request) => {
      const what = { kind: this.#kind, key: keyOf(call), ...sentIn(call) };
      return putStatus(this.#context, { ...request, ...what });
    });
  }

  patch(
    call: Call,
    { caller, isOfStatus = false }: { readonly caller: Caller; readonly isOfStatus?: boolean },
  ): Promise<Answer> {
    const type = patchTypeOf(call);
    if (type === "apply") return this.#apply(call, { caller, isOfStatus });
    return this.#write(call, { caller }, (request) => {
      const { body: patch, repeated } = sentIn(call);
      const what = { kind: this.#kind, key: keyOf(call), type, patch, repeated, isOfStatus };
      return patchResource(this.#context, { ...request, ...what });
    });
  }

  getScale(call: Call): Answer {
    return { code: 200, body: getScale(this.#context, { kind: this.#kind, key: keyOf(call) }) };
  }

  async putScale(
    call: Call,
    { caller, isPatch }: { readonly caller: Caller; readonly isPatch: boolean },
  ): Promise<Answer> {
    const type = isPatch ? patchTypeOf(call) : undefined;
    if (type === "apply") throw noApply();
    const { request, warnings } = writeOf(call, caller);
    const body = readBody(call.headers, call.body);
    const what = { kind: this.#kind, key: keyOf(call), body, ...(type && { type }) };
    const scale = await putScale(this.#context, { ...request, ...what });
    return answerOf({ body: scale }, { code: 200, warnings });
  }

  async delete(call: Call, caller: Caller): Promise<Answer> {
    const shown = this.#shownAs(call);
    const deletion = await this.#delete(call, { caller, key: keyOf(call) });
    const { isDone, resource } = deletion;
    const body = isDone ? { body: deleted(this.#kind, deletion) } : shown.one(resource);
    return { code: 200, ...body };
  }

  async deleteAll(call: Call, caller: Caller): Promise<Answer> {
    const shown = this.#shownAs(call);
    const selection = selectionOf(call, this.#kind);
    const page = listResources(this.#context.store, selection);
    const deletions = page.items.map(async ({ metadata: key }) => {
      try {
        await this.#delete(call, { caller, key });
      } catch (thrown) {
        // Somebody else was faster, and the outcome is the same.
        if (!isReason(thrown, "NotFound")) throw thrown;
      }
    });
    await Promise.all(deletions);
    return { code: 200, ...shown.all(page) };
  }

  async #apply(
    call: Call,
    { caller, isOfStatus }: { readonly caller: Caller; readonly isOfStatus: boolean },
  ): Promise<Answer> {
    const shown = this.#shownAs(call);
    const { request, warnings } = writeOf(call, caller);
    const body = readBody(call.headers, call.body);
    const what = {
      ...{ kind: this.#kind, key: keyOf(call), body, isOfStatus },
      isForced: isForced(call),
    };
    const { resource, isNew } = await applyResource(this.#context, { ...request, ...what });
    return answerOf(shown.one(resource), { code: isNew ? 201 : 200, warnings });
  }

  async #delete(
    call: Call,
    { caller, key }: { readonly caller: Caller; readonly key: ObjectKey },
  ): Promise<Deletion<Resource>> {
    const { request } = writeOf(call, caller);
    const what = { kind: this.#kind, key, body: deleteOptionsOf(call) };
    return await deleteResource(this.#context, { ...request, ...what });
  }

  async #write(
    call: Call,
    { caller, code = 200 }: { readonly caller: Caller; readonly code?: number },
    write: (request: WriteRequest) => Promise<Resource>,
  ): Promise<Answer> {
    // Whoever cannot take the answer is told so before anything is done.
    const shown = this.#shownAs(call);
    const { request, warnings } = writeOf(call, caller);
    return answerOf(shown.one(await write(request)), { code, warnings });
  }

  #shownAs({ headers, query }: Call): Shown {
    const nowMs = this.#context.clock.now();
    return shownAs(formOf(headers.accept), {
      ...{ kind: this.#kind, included: includedIn(query), nowMs },
    });
  }
}

/** What the caller sent, and what of it stands there more than once. */
function sentIn({ headers, body }: Call): { body: unknown; repeated: readonly string[] } {
  const { value, repeated } = readSent(headers, body);
  return { body: value, repeated };
}

function noApply(): ApiError {
  const message = "a scale is not applied; apply the object itself, or patch its scale";
  return new ApiError("UnsupportedMediaType", message);
}

function answerOf(
  { body, headers = {} }: Body,
  { code, warnings }: { readonly code: number; readonly warnings: readonly string[] },
): Answer {
  const warning = warnings.length === 0 ? {} : { warning: warnings.map(warningHeader) };
  return { code, headers: { ...headers, ...warning }, body };
}

/** In the body, or in the query as older clients have it. */
function deleteOptionsOf({ headers, body, query }: Call): unknown {
  const propagationPolicy = query.get("propagationPolicy") ?? undefined;
  const asked = propagationPolicy === undefined ? {} : { propagationPolicy };
  return { ...asked, ...(readBody(headers, body) as object | undefined) };
}

function deleted(kind: Kind, { resource }: Deletion<Resource>): Status {
  const { name, uid } = resource.metadata;
  const group = groupOf(kind.apiVersion);
  const details = { name, ...(group !== "" && { group }), kind: kind.plural, uid };
  const head = { apiVersion: "v1", kind: "Status", metadata: {} } as const;
  return { ...head, status: "Success", details, code: 200 };
}

function selectionOf({ params, query }: Call, kind: Kind): Selection {
  return {
    kind,
    namespace: params["namespace"],
    labelSelector: query.get("labelSelector") ?? undefined,
    fieldSelector: query.get("fieldSelector") ?? undefined,
  };
}

function keyOf({ params }: Call): ObjectKey {
  const { namespace, name = "" } = params;
  return namespace === undefined ? { name } : { namespace, name };
}
