import { isReason } from "../api/error.ts";
import type { Kind } from "../api/kind.ts";
import { kindOf } from "../api/kinds.ts";
import type { Draft, ObjectKey, Resource, TypeMeta } from "../api/meta.ts";
import { assert } from "../base/assert.ts";
import type {
  Client,
  ListOptions,
  PatchOptions,
  WatchEvent,
  WatchOptions,
} from "../client/client.ts";
import { type Caller, CONTROLLER, type ServerContext } from "../server/context.ts";
import { createResource } from "../server/create_resource.ts";
import { deleteResource } from "../server/delete_resource.ts";
import { getResource, listResources } from "../server/list_resources.ts";
import { patchResource } from "../server/patch_resource.ts";
import { putResource } from "../server/put_resource.ts";
import { putStatus } from "../server/put_status.ts";
import { watchResources } from "../server/watch_resources.ts";

/** A `Client` that calls the server's functions in this process, as one of our controllers. */
export function localClient(context: ServerContext, caller: Caller = CONTROLLER): Client {
  const { store } = context;
  return {
    get: async (kind, key) => getResource(store, kind, key),
    list: async (kind, options: ListOptions = {}) => listResources(store, { kind, ...options }),
    watch: (kind, options) => watched(context, kind, options),
    create<R extends Resource>(draft: Draft<R>) {
      const { namespace } = draft.metadata;
      return createResource<R>(context, { kind: mustKind(draft), namespace, body: draft, caller });
    },
    put<R extends Resource>(resource: R) {
      const kind = mustKind<R>(resource);
      return putResource<R>(context, { kind, key: resource.metadata, body: resource, caller });
    },
    putStatus<R extends Resource>(resource: R) {
      const kind = mustKind<R>(resource);
      return putStatus<R>(context, { kind, key: resource.metadata, body: resource, caller });
    },
    patch<R extends Resource>(
      { kind, key }: { readonly kind: Kind<R>; readonly key: ObjectKey },
      patch: unknown,
      { type = "merge" }: PatchOptions = {},
    ) {
      return patchResource<R>(context, { kind, key, type, patch, caller });
    },
    async delete(resource, { propagation: propagationPolicy } = {}) {
      const { uid } = resource.metadata;
      const body = { preconditions: { uid }, ...(propagationPolicy && { propagationPolicy }) };
      const what = { kind: mustKind(resource), key: resource.metadata, body, caller };
      try {
        await deleteResource(context, what);
      } catch (thrown) {
        if (!isReason(thrown, "NotFound") && !isAnother(context, resource)) throw thrown;
      }
    },
    async createToken(account, spec) {
      assert(context.accountTokens !== undefined, "this server makes no tokens");
      return await context.accountTokens.create(account, { spec });
    },
  };
}

/** Whether what stands in this place now is not what is meant. */
function isAnother({ store }: ServerContext, resource: Resource): boolean {
  return store.get(mustKind(resource), resource.metadata)?.metadata.uid !== resource.metadata.uid;
}

function mustKind<R extends Resource>(type: TypeMeta): Kind<R> {
  const kind = kindOf(type);
  assert(kind !== undefined, `there is no kind ${type.apiVersion} ${type.kind}`);
  return kind as Kind<R>;
}

async function* watched<R extends Resource>(
  { store }: ServerContext,
  kind: Kind<R>,
  { signal, ...options }: WatchOptions = {},
): AsyncIterable<WatchEvent<R>> {
  const waiting: WatchEvent<R>[] = [];
  let wake = () => {};
  using _watch = watchResources(store, { kind, ...options }, (event) => {
    waiting.push(event);
    wake();
  });
  const stop = () => wake();
  signal?.addEventListener("abort", stop);
  try {
    while (signal?.aborted !== true) {
      const event = waiting.shift();
      if (event !== undefined) yield event;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}
