import { CONFIGURATION, type Configuration } from "../../api/configuration.ts";
import { LABEL } from "../../api/labels.ts";
import { childOf, type Draft, type DraftMeta } from "../../api/meta.ts";
import { ROUTE, type Route } from "../../api/route.ts";
import type { Service } from "../../api/service.ts";

/** What kubectl keeps there of the Service is not true of what the Service makes. */
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** The Configuration of the same name (spec/elafros §3.3 L4, L5). */
export function configurationFor(service: Service): Draft<Configuration> {
  const { apiVersion, kind } = CONFIGURATION;
  const { template = {} } = service.spec;
  return { apiVersion, kind, metadata: metaFor(service), spec: { template } };
}

/** The Route of the same name: what has no name of its own tracks the Configuration. */
export function routeFor(service: Service): Draft<Route> {
  const { apiVersion, kind } = ROUTE;
  const { name } = service.metadata;
  const traffic = (service.spec.traffic ?? []).map((target) =>
    target.revisionName === undefined ? { ...target, configurationName: name } : target,
  );
  return { apiVersion, kind, metadata: metaFor(service), spec: { traffic } };
}

function metaFor(service: Service): DraftMeta {
  const { name, uid, labels = {}, annotations = {} } = service.metadata;
  const { [LAST_APPLIED]: _, ...said } = annotations;
  return {
    ...childOf(service, name),
    labels: { ...labels, [LABEL.service]: name, [LABEL.serviceUid]: uid },
    ...(Object.keys(said).length > 0 && { annotations: said }),
  };
}
