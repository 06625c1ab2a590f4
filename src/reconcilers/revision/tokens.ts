import { servingContainer } from "../../api/container.ts";
import { type ObjectKey, pathOf } from "../../api/meta.ts";
import { POD, type Pod } from "../../api/pod.ts";
import type { Revision } from "../../api/revision.ts";
import { DEFAULT_ACCOUNT } from "../../api/service_account.ts";
import { timestampOf } from "../../base/clock.ts";
import type { Instance, Volume, VolumeFile } from "../../runtime/runtime.ts";
import { FILE_MODE } from "../volumes.ts";
import type { RevisionParts } from "./deps.ts";

/** A token that each instance shall have as a file. */
interface Wanted {
  readonly volume: string;
  readonly path: string;
  readonly mode: number;
  /** Of the API itself when left out. */
  readonly audience?: string;
  readonly seconds: number;
}

/** Kubernetes' own. */
const SECONDS = 3600;
/** A token is renewed when so much of its life has passed, or so long, as the kubelet does it. */
const PART = 0.8;
const AGE_MS_MAX = 24 * 3_600_000;
/** Timers stand still while the machine sleeps: as often one looks at the time of day. */
const LOOK_MS = 60_000;

/** As whom the instances of a Revision act. */
export function accountOf({ metadata, spec }: Revision): ObjectKey {
  return { namespace: metadata.namespace, name: spec.serviceAccountName || DEFAULT_ACCOUNT };
}

/** Whether its instances have tokens of this ServiceAccount. */
export function usesAccount(revision: Revision, name: string): boolean {
  return accountOf(revision).name === name && wantedOf(revision).length > 0;
}

/** What is referred to for tokens and is not there: a sentence each. */
export function missingForTokens(revision: Revision, { accounts }: RevisionParts) {
  const [first] = wantedOf(revision);
  const account = accountOf(revision);
  if (first === undefined || accounts.get(account) !== undefined) return [];
  const why = `the volume "${first.volume}" mounts a token of it`;
  return [`ServiceAccount "${account.name}" not found, and ${why}`];
}

/** These volumes, and in them tokens that are good as long as this Pod is there. */
export async function withTokens(
  volumes: readonly Volume[],
  { revision, pod, parts }: Minting,
): Promise<readonly Volume[]> {
  const minted = await Promise.all(
    wantedOf(revision).map(async (wanted) => {
      const file = await mint(wanted, { revision, pod, parts });
      return { ...file, volume: wanted.volume };
    }),
  );
  return volumes.map((volume) => {
    const tokens = minted.filter((it) => it.volume === volume.name);
    if (tokens.length === 0) return volume;
    const files = tokens.map(({ volume: _, ...file }) => file);
    const paths = new Set(files.map(({ path }) => path));
    return {
      ...volume,
      files: [...(volume.files ?? []).filter((it) => !paths.has(it.path)), ...files],
    };
  });
}

/**
 * Has tokens renewed whose time has come, also of instances that are frozen or end. Returns when
 * to look again; 0 where there are none.
 */
export function renewTokens(revision: Revision, parts: RevisionParts): number {
  if (wantedOf(revision).length === 0) return 0;
  const waits = parts.pods.controlledBy(revision).flatMap((pod) => {
    const instance = parts.runtime.get(pathOf(pod.metadata));
    return instance === undefined ? [] : [renew(instance, { revision, pod, parts })];
  });
  return Math.min(LOOK_MS, ...waits);
}

interface Minting {
  readonly revision: Revision;
  readonly pod: Pod;
  readonly parts: RevisionParts;
}

function renew({ spec }: Instance, minting: Minting): number {
  const { revision, parts } = minting;
  const { clock, recorder, renewing, runtime } = parts;
  const volumes = spec.volumes ?? [];
  const terms = volumes.flatMap(({ files = [] }) => files.flatMap(({ term }) => term ?? []));
  const leftMs = Math.min(...terms.map(({ renewAtMs }) => renewAtMs)) - clock.now();
  if (leftMs > 0) return leftMs;
  const outcome = renewing.ask(spec.name, {
    async act() {
      try {
        await runtime.refill(spec.name, await withTokens(volumes, minting));
      } catch (thrown) {
        const why = thrown instanceof Error ? thrown.message : String(thrown);
        const end = timestampOf(Math.min(...terms.map(({ endsAtMs }) => endsAtMs)));
        const message = `Cannot renew the token of "${spec.name}", which ends at ${end}: ${why}`;
        recorder.record(revision, { type: "Warning", reason: "TokenNotRenewed", message });
        throw thrown;
      }
    },
  });
  const againMs = outcome === "running" || "value" in outcome ? 0 : outcome.againAfterMs;
  return againMs > 0 ? againMs : LOOK_MS;
}

async function mint(wanted: Wanted, { revision, pod, parts }: Minting): Promise<VolumeFile> {
  const { path, mode, audience, seconds } = wanted;
  const { client, clock } = parts;
  const { name, uid } = pod.metadata;
  const { status } = await client.createToken(accountOf(revision), {
    ...(audience !== undefined && { audiences: [audience] }),
    expirationSeconds: seconds,
    boundObjectRef: { apiVersion: POD.apiVersion, kind: POD.kind, name, uid },
  });
  const { token = "", expirationTimestamp = "" } = status ?? {};
  const nowMs = clock.now();
  const endsAtMs = Date.parse(expirationTimestamp);
  const renewAtMs = nowMs + Math.min(PART * (endsAtMs - nowMs), AGE_MS_MAX);
  const owner = servingContainer(revision.spec.containers ?? [])?.securityContext?.runAsUser;
  return {
    ...{ path, mode, content: Buffer.from(token).toString("base64") },
    ...(owner !== undefined && { owner }),
    term: { renewAtMs, endsAtMs },
  };
}

function wantedOf({ spec }: Revision): readonly Wanted[] {
  return (spec.volumes ?? []).flatMap(({ name: volume, projected }) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken }) => {
      if (serviceAccountToken === undefined) return [];
      const { audience = "", expirationSeconds: seconds = SECONDS, path } = serviceAccountToken;
      const mode = projected?.defaultMode ?? FILE_MODE;
      return [{ volume, path, mode, seconds, ...(audience !== "" && { audience }) }];
    }),
  );
}
