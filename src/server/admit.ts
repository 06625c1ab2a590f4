import { AUTOSCALER_CONFIG, limitsIn, readAutoscalerConfig } from "../api/autoscaler_config.ts";
import { CONFIG_MAP } from "../api/config_map.ts";
import { ApiError, forbidden, invalid } from "../api/error.ts";
import { versionOf } from "../api/group.ts";
import type { Check, Kind, Refusals } from "../api/kind.ts";
import type { Draft, ObjectKey, Resource } from "../api/meta.ts";
import { checkMeta } from "../api/meta_check.ts";
import { DEFAULTS_CONFIG, MOST, readRevisionLimits } from "../api/revision_limits.ts";
import { readOr } from "../api/settings.ts";
import { checkEscalation } from "./access/escalation.ts";
import { type Caller, isController, type ServerContext } from "./context.ts";

/** What every write is told besides what to write. */
export interface WriteRequest {
  readonly caller: Caller;
  /** Who owns the fields that this sets; our own controllers are one. */
  readonly fieldManager?: string;
  /** Do everything but store it. */
  readonly isDryRun?: boolean;
  /** What to do about fields that nobody knows; they are dropped in any case. */
  readonly fieldValidation?: "Ignore" | "Warn" | "Strict";
  /** Paths that were sent more than once: only the last of them counts. */
  readonly repeated?: readonly string[];
  /** Takes what the caller should know though the write goes ahead. */
  readonly warn?: (message: string) => void;
}

export interface Admission<R extends Resource> extends WriteRequest {
  readonly kind: Kind<R>;
  readonly context: Pick<ServerContext, "clock" | "store" | "access">;
  /** What it replaces, when it replaces something. */
  readonly stored?: R | undefined;
  /** Paths that were sent and are not known. */
  readonly unknown: readonly string[];
}

/** Fills in what was left out, and throws when what comes out is not valid. */
export function admit<R extends Resource>(draft: Draft<R>, admission: Admission<R>): Draft<R> {
  const { kind, stored, caller, unknown, context } = admission;
  const writing = { stored, user: caller.user, now: context.clock.timestamp() };
  const prepared = kind.prepare?.(draft, writing) ?? draft;
  const check = {
    ...{ stored, unknown },
    // Most kinds do not ask.
    get limits() {
      return limitsOf(context.store, caller);
    },
  };
  const checked = kind.validate?.(prepared, check) ?? [];
  const violations = [...checkMeta(kind, prepared.metadata), ...checked];
  const { name = draft.metadata.generateName ?? "" } = draft.metadata;
  if (violations.length > 0) {
    throw kind.refuse?.(name, violations) ?? invalid(kind, name, violations);
  }
  tellUnknown(admission);
  const { access, store } = context;
  if (access !== undefined) {
    checkEscalation({ kind, draft: prepared as Draft<Resource>, stored, caller, store, access });
  }
  return prepared;
}

/** What our own controllers write was asked for by somebody, when it was allowed. */
const ALL: Required<Check>["limits"] = { ...MOST, maxScaleLimit: 0, isZeroInitialScaleFine: true };

function limitsOf(store: ServerContext["store"], caller: Caller): Required<Check>["limits"] {
  if (isController(caller)) return ALL;
  const said = (key: ObjectKey) => store.get(CONFIG_MAP, key)?.data;
  return {
    ...limitsIn(readOr(readAutoscalerConfig, said(AUTOSCALER_CONFIG))),
    ...readOr(readRevisionLimits, said(DEFAULTS_CONFIG)),
  };
}

function tellUnknown(admission: Admission<Resource>) {
  const { kind, unknown, repeated = [], fieldValidation = "Ignore", warn } = admission;
  if (fieldValidation === "Ignore") return;
  const each = [
    ...repeated.map((path) => `duplicate field "${path}"`),
    ...unknown.map((path) => `unknown field "${path}"`),
  ];
  if (each.length === 0) return;
  if (fieldValidation === "Warn") {
    for (const message of each) warn?.(message);
    return;
  }
  const what = `${kind.kind} in version "${versionOf(kind.apiVersion)}"`;
  const why = `strict decoding error: ${each.join(", ")}`;
  throw new ApiError("BadRequest", `${what} cannot be handled as a ${kind.kind}: ${why}`);
}

/** Throws when only our own controllers may do this to the kind. */
export function checkMay(
  verb: keyof Refusals,
  { kind, name, caller }: { readonly kind: Kind; readonly name: string; readonly caller: Caller },
): void {
  const why = kind.refuses?.[verb];
  if (why !== undefined && !isController(caller)) throw forbidden(kind, name, why);
}
