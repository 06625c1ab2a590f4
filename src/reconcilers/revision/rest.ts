import type { Revision } from "../../api/revision.ts";
import type { Instance } from "../../runtime/runtime.ts";
import type { RevisionParts } from "./deps.ts";

/** Thaws what is frozen, so that it serves. */
export async function wakeFrozen(
  instances: readonly Instance[],
  { runtime }: RevisionParts,
): Promise<void> {
  const frozen = instances.filter(({ phase }) => phase === "frozen");
  await Promise.all(frozen.map(({ spec }) => runtime.thaw(spec.name)));
}

/**
 * Freezes instances once their last request is done, unless they are to be awake by then. To be
 * called when the gateway has taken them out.
 */
export function freezeIdle(
  { metadata, spec }: Revision,
  instances: readonly Instance[],
  { autoscaler, freezing, gateway, runtime }: RevisionParts,
): void {
  const since = autoscaler.frozenSince(metadata);
  if (since === undefined) return;
  for (const { spec: instance, phase } of instances) {
    if (phase !== "ready") continue;
    freezing.ask(instance.name, {
      async act() {
        await gateway.drained(instance.name, (spec.timeoutSeconds ?? 300) * 1000);
        // Whoever woke it meanwhile has put it back into the table.
        if (autoscaler.frozenSince(metadata) === since) await runtime.freeze(instance.name);
      },
    });
  }
}
