import type { Backend } from "./backend.ts";
import type { Asked, Course } from "./course.ts";
import { pickBackend } from "./pick.ts";
import { type Refusal, unknownHost } from "./refusal.ts";
import type { RouteTable } from "./table.ts";

/** What decides where requests go, by whichever protocol they come. */
export interface Routing {
  readonly rules: RouteTable;
  /** Whether a host that is not in the table is one that no service has. */
  readonly isSettled: () => boolean;
}

export interface Errant {
  /** Asked for only where there are rules or policies to look at it. */
  asked(): Asked;
  go(backend: Backend, course: Course | undefined): void;
  refuse(refusal: Refusal): void;
}

/** Finds the way of one request. Exactly one of `go` and `refuse` is called, now or later. */
export function routeRequest({ rules, isSettled }: Routing, host: string, errant: Errant): void {
  const rule = rules.get(host);
  if (rule === undefined) {
    errant.refuse(unknownHost(host, isSettled()));
    return;
  }
  const { special } = rule;
  if (special === undefined) {
    errant.go(pickBackend(rule), undefined);
    return;
  }
  special.admit(errant.asked(), {
    go: (course) => errant.go(course.backend, course),
    refuse: (refusal) => errant.refuse(refusal),
  });
}
