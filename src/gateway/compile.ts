import { assert } from "../base/assert.ts";
import type { Backend } from "./backend.ts";
import type { Draw } from "./draw.ts";
import type { Orders } from "./order.ts";
import {
  POINTS,
  type RouteSpec,
  type ShareSpec,
  type SteeringSpec,
  type StickySpec,
} from "./route_table.ts";
import type { Steering, SteeringRule, Sticky } from "./steering.ts";
import { hashOf } from "./sticky.ts";

export interface CompileParts {
  readonly orders: Orders;
  readonly backend: (id: string) => Backend | undefined;
  /** A turn below this number to begin with. */
  readonly first: (turns: number) => number;
}

/** Turns what control says of one route into what the hot side reads. */
export class Compiler {
  readonly #parts: CompileParts;

  constructor(parts: CompileParts) {
    this.#parts = parts;
  }

  draw(split: readonly ShareSpec[]): Draw {
    const shares = split.filter(({ percent }) => percent > 0);
    const order = this.#parts.orders.of(shares.map(({ percent }) => perMille(percent)));
    const backends = shares.map(({ backend }) => this.#known(backend));
    // If all workers, and every change, began at the same turn, the first share would have more.
    return { backends, order, turn: this.#parts.first(order.length) };
  }

  steering(route: string, spec: SteeringSpec): Steering {
    const { override, tags, rules, sticky, mirrors } = spec;
    return {
      override: override && this.#named(override),
      tags: tags && this.#named(tags),
      rules: rules?.map((rule): SteeringRule => {
        const { name, match, split, rewritePrefix } = rule;
        return { why: `rule "${name}"`, match, draw: this.draw(split), rewritePrefix };
      }),
      sticky: sticky && this.#sticky(route, sticky),
      mirrors: mirrors?.map(({ backend, percent }) => {
        const due = this.#parts.first(1000);
        return { backend: this.#known(backend), perMille: perMille(percent), due };
      }),
    };
  }

  #named(ids: Readonly<Record<string, string>>): ReadonlyMap<string, Backend> {
    return new Map(Object.entries(ids).map(([name, id]) => [name, this.#known(id)]));
  }

  #sticky(route: string, spec: StickySpec): Sticky {
    const ids = [...new Set(spec.intervals.map(({ backend }) => backend))];
    const points = new Uint16Array(POINTS);
    for (const { backend, from, length } of spec.intervals) {
      points.fill(ids.indexOf(backend), from, from + length);
    }
    const backends = ids.map((id) => this.#known(id));
    return { spec, salt: hashOf(route), backends, points };
  }

  #known(id: string): Backend {
    const backend = this.#parts.backend(id);
    assert(backend !== undefined, `backend "${id}" is not known`);
    return backend;
  }
}

function perMille(percent: number): number {
  return Math.round(percent * 10);
}

/** Every backend that a route may send a request to. */
export function backendsOf({ hosts, steering }: RouteSpec): ReadonlySet<string> {
  const { override = {}, tags = {}, rules = [], sticky, mirrors = [] } = steering ?? {};
  const splits = [...hosts.map(({ split }) => split), ...rules.map(({ split }) => split), mirrors];
  const shares = splits.flatMap((split) => split.filter(({ percent }) => percent > 0));
  return new Set([
    ...shares.map(({ backend }) => backend),
    ...Object.values(override),
    ...Object.values(tags),
    ...(sticky?.intervals ?? []).map(({ backend }) => backend),
  ]);
}
