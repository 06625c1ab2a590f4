import { isDeepStrictEqual } from "node:util";
import { ApiError } from "../../api/error.ts";
import { problemOfPair } from "../../base/certificate.ts";
import type { Change } from "../protocol.ts";
import type { TlsSpec } from "../route_table.ts";

/** What TLS needs, as the control process has said it: the part of `Specs` that holds secrets. */
export class TlsSpecs {
  readonly #specs = new Map<string, TlsSpec>();
  readonly #inherited = new Set<string>();

  *changes(): Iterable<Change> {
    for (const putTls of this.#specs.values()) yield { putTls };
  }

  put(spec: TlsSpec): readonly Change[] {
    const { id } = spec;
    const problem = "cert" in spec ? problemOfPair(spec) : undefined;
    if (problem !== undefined) {
      throw new ApiError("Invalid", `Cannot put ${spec.is} "${id}": ${problem}`);
    }
    this.#inherited.delete(id);
    if (isDeepStrictEqual(this.#specs.get(id), spec)) return [];
    this.#specs.set(id, spec);
    return [{ putTls: spec }];
  }

  delete(id: string): readonly Change[] {
    this.#inherited.delete(id);
    return this.#specs.delete(id) ? [{ deleteTls: id }] : [];
  }

  inherit(spec: TlsSpec): void {
    this.#specs.set(spec.id, spec);
    // The workers' sessions outlast a control process, and nobody else says this again.
    if (spec.is !== "tickets") this.#inherited.add(spec.id);
  }

  get hasTickets(): boolean {
    return this.#specs.has("tickets");
  }

  dropInherited(): readonly Change[] {
    return [...this.#inherited].flatMap((id) => this.delete(id));
  }
}
