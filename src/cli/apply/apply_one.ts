import { isDeepStrictEqual } from "node:util";
import { isReason } from "../../api/error.ts";
import type { Draft, Resource } from "../../api/meta.ts";
import { NAMESPACE } from "../../api/namespace.ts";
import { type Backoff, delayMs } from "../../base/backoff.ts";
import type { Context, Server } from "../command.ts";
import { orNothing } from "../find_service.ts";
import type { Manifest } from "./manifests.ts";
import { LAST_APPLIED, mergePatch } from "./three_way.ts";

export interface Applying {
  readonly context: Context;
  readonly server: Server;
  readonly isDryRun: boolean;
}

export interface Applied {
  readonly change: "created" | "configured" | "unchanged";
  readonly resource: Resource;
}

const AGAIN: Backoff = { firstMs: 20, mostMs: 1000 };
const TRIES_MAX = 10;

/** Makes an object, or sets right what its manifest says of it, and leaves the rest alone. */
export async function applyOne(manifest: Manifest, applying: Applying): Promise<Applied> {
  const { clock, chance, signal } = applying.context;
  for (let tries = 0; ; tries += 1) {
    try {
      return await tryOne(manifest, applying);
    } catch (thrown) {
      const isRace = ["AlreadyExists", "NotFound", "Conflict"] as const;
      const isAgain = isRace.some((reason) => isReason(thrown, reason));
      if (!isAgain || isOfNamespace(thrown) || tries === TRIES_MAX) throw thrown;
      await clock.sleep(delayMs(AGAIN, tries, chance), { signal });
    }
  }
}

/** The namespace it shall be in is not there, and will not come by waiting. */
function isOfNamespace(thrown: unknown): boolean {
  return isReason(thrown, "NotFound") && thrown.status.details?.kind === NAMESPACE.plural;
}

async function tryOne({ kind, draft }: Manifest, applying: Applying): Promise<Applied> {
  const { context, server, isDryRun } = applying;
  const { client } = server;
  const { signal } = context;
  const placed = placedIn(draft, kind.isNamespaced ? server.namespace : undefined);
  const { name, namespace } = placed.metadata;
  const options = { isDryRun, signal };
  const there = await orNothing(client.get(kind, { name, namespace }, { signal }));
  const wanted = withLastApplied(placed);
  if (there === undefined) {
    return { change: "created", resource: await client.create(wanted, options) };
  }
  const patch = mergePatch(lastApplied(there), wanted, there);
  const of = { kind, key: { name, namespace } };
  const resource = await client.patch(of, patch, options);
  const isSame = resource.metadata.resourceVersion === there.metadata.resourceVersion;
  const isUnchanged = isDryRun ? isDeepStrictEqual(resource, there) : isSame;
  return { change: isUnchanged ? "unchanged" : "configured", resource };
}

type Placed = Manifest["draft"];

function placedIn(draft: Placed, fallback: string | undefined): Placed {
  const { status: _, ...said } = draft;
  if (fallback === undefined) {
    const { namespace: __, ...metadata } = said.metadata;
    return { ...said, metadata: { ...metadata, name: said.metadata.name } };
  }
  const { namespace = fallback } = said.metadata;
  return { ...said, metadata: { ...said.metadata, namespace } };
}

function withLastApplied(draft: Placed): Placed {
  const { [LAST_APPLIED]: _, ...annotations } = draft.metadata.annotations ?? {};
  const { resourceVersion: __, uid: ___, ...metadata } = draft.metadata;
  const plain: Draft<Resource> = { ...draft, metadata: { ...metadata, annotations } };
  const text = `${JSON.stringify(sorted(plain))}\n`;
  const noted = { ...annotations, [LAST_APPLIED]: text };
  return { ...draft, metadata: { ...metadata, name: draft.metadata.name, annotations: noted } };
}

/** By key, as kubectl writes it: so that one finds unchanged what the other has applied. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

function lastApplied({ metadata }: Resource): unknown {
  const text = metadata.annotations?.[LAST_APPLIED];
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    // Somebody else wrote there what is no JSON: then nothing is known of before.
    return undefined;
  }
}
