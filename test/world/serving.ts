import type { Condition } from "../../src/api/condition.ts";
import { CONFIGURATION, type Configuration } from "../../src/api/configuration.ts";
import type { Container } from "../../src/api/container.ts";
import type { Kind } from "../../src/api/kind.ts";
import type { Draft, DraftMeta, Resource } from "../../src/api/meta.ts";
import { ROUTE, type Route } from "../../src/api/route.ts";
import { SERVICE, type Service } from "../../src/api/service.ts";
import type { Template } from "../../src/api/template.ts";
import type { TrafficTarget } from "../../src/api/traffic.ts";
import { NOW } from "./world_clock.ts";

export interface Wish {
  /** Without one, `hello` of a registry that has everything. */
  readonly image?: string;
  /** Of the Service or the Configuration. */
  readonly metadata?: DraftMeta;
  /** Of the template. */
  readonly template?: Template["metadata"];
  readonly container?: Container;
  readonly traffic?: readonly TrafficTarget[];
}

/** A Service of one container, in the namespace "default". */
export function serviceOf(name: string, { traffic, ...wish }: Wish = {}): Draft<Service> {
  const spec = { template: templateOf(wish), ...(traffic && { traffic }) };
  return { ...headOf(SERVICE, name, wish), spec };
}

/** A Configuration of one container, in the namespace "default". */
export function configurationOf(name: string, wish: Wish = {}): Draft<Configuration> {
  return { ...headOf(CONFIGURATION, name, wish), spec: { template: templateOf(wish) } };
}

/** A Route in the namespace "default"; all of it to the Configuration of its name when left out. */
export function routeOf(name: string, wish: Wish = {}): Draft<Route> {
  const { traffic = [{ configurationName: name, percent: 100 }] } = wish;
  return { ...headOf(ROUTE, name, wish), spec: { traffic } };
}

/** Conditions as they are stored, all of them from the beginning of time. */
export function since(...conditions: readonly Condition[]): readonly Condition[] {
  return conditions.map((condition) => ({ ...condition, lastTransitionTime: NOW }));
}

/** What a resource says of itself, by condition: "False Reason: message". */
export function told({ status }: Resource): Readonly<Record<string, string>> {
  const conditions = (status?.conditions ?? []) as readonly Condition[];
  const said = conditions.map(({ type, status: is, reason = "", message = "" }) => {
    const why = [reason, message].filter((it) => it !== "").join(": ");
    return [type, `${is} ${why}`.trim()];
  });
  return Object.fromEntries(said);
}

function templateOf({ image = "example.com/hello:1", template, container }: Wish): Template {
  return {
    ...(template && { metadata: template }),
    spec: { containers: [{ image, ...container }] },
  };
}

function headOf({ apiVersion, kind }: Kind, name: string, { metadata }: Wish) {
  return { apiVersion, kind, metadata: { namespace: "default", name, ...metadata } };
}
