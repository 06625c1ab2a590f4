import {
  AUTOSCALER_CONFIG,
  readAutoscalerConfig,
  type ScalingGlobals,
} from "../api/autoscaler_config.ts";
import { BUILD } from "../api/build.ts";
import { BUILD_TEMPLATE, CLUSTER_BUILD_TEMPLATE } from "../api/build_template.ts";
import { CONFIG_MAP, type ConfigMap } from "../api/config_map.ts";
import { CONFIGURATION } from "../api/configuration.ts";
import { DOMAIN_MAPPING, type DomainMapping } from "../api/domain_mapping.ts";
import { KINDS } from "../api/kinds.ts";
import type { ObjectKey } from "../api/meta.ts";
import { POD } from "../api/pod.ts";
import { REVISION } from "../api/revision.ts";
import { CLUSTER_ROLE } from "../api/role.ts";
import { ROUTE, type Route } from "../api/route.ts";
import { SECRET } from "../api/secret.ts";
import { SERVICE_ACCOUNT } from "../api/service_account.ts";
import { readOr } from "../api/settings.ts";
import { TRAFFIC_POLICY, type TrafficPolicy } from "../api/traffic_policy.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import type { Builder } from "../build/build.ts";
import type { Cache, Client, Lister } from "../client/client.ts";
import type { Controller } from "../control/controller.ts";
import type { Recorder } from "../control/recorder.ts";
import { References } from "../control/references.ts";
import type { Gateway } from "../gateway/route_table.ts";
import type { ImageStore, Registry } from "../oci/oci.ts";
import { clusterRoleController } from "../reconcilers/access/reconcile.ts";
import { buildController } from "../reconcilers/build/reconcile.ts";
import { configurationController } from "../reconcilers/configuration/reconcile.ts";
import type { Proof } from "../reconcilers/domain_mapping/proof.ts";
import { domainMappingController, referencesOf } from "../reconcilers/domain_mapping/reconcile.ts";
import { namespaceController } from "../reconcilers/namespace/reconcile.ts";
import { podController } from "../reconcilers/pod/reconcile.ts";
import type { Autoscaler } from "../reconcilers/revision/autoscaler.ts";
import { revisionController } from "../reconcilers/revision/reconcile.ts";
import type { Addressing } from "../reconcilers/route/desired.ts";
import { policyController, policyTargets } from "../reconcilers/route/policy_controller.ts";
import { routeController } from "../reconcilers/route/reconcile.ts";
import { targetsOf } from "../reconcilers/route/references.ts";
import { secureDomain } from "../reconcilers/route/secure.ts";
import type { RouteTls } from "../reconcilers/route/tls.ts";
import { Trials } from "../reconcilers/route/trials.ts";
import { serviceController } from "../reconcilers/service/reconcile.ts";
import type { Runtime } from "../runtime/runtime.ts";

export interface ControllerDeps {
  readonly client: Client;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly recorder: Recorder;
  readonly images: ImageStore;
  readonly registry: Registry;
  readonly builder: Builder;
  readonly runtime: Runtime;
  readonly gateway: Gateway;
  readonly autoscaler: Autoscaler;
  /** How the gateway is reached; known once it listens. */
  readonly addressing: () => Addressing;
  /** Nothing where there is no TLS. */
  readonly tls?: RouteTls;
  /** Whether a namespace may have a domain; everybody may when left out. */
  readonly proof?: Proof;
  readonly logUrl: (revision: ObjectKey) => string;
  readonly podLogUrl: (pod: ObjectKey) => string;
}

/** Every controller there is, each with the contracts that it needs and nothing else. */
export function makeControllers(deps: ControllerDeps): readonly Controller[] {
  const { cache, client, recorder, runtime, builder, autoscaler } = deps;
  const configurations = cache.lister(CONFIGURATION);
  const revisions = cache.lister(REVISION);
  const routes = cache.lister(ROUTE);
  const mappings = new References<DomainMapping>({
    ...{ cache, kind: DOMAIN_MAPPING, targetsOf: referencesOf },
  });
  const domains = cache.lister(DOMAIN_MAPPING);
  const references = new References<Route>({ cache, kind: ROUTE, targetsOf });
  const policyReferences = new References<TrafficPolicy>({
    ...{ cache, kind: TRAFFIC_POLICY, targetsOf: policyTargets },
  });
  const kinds = KINDS.filter(({ isNamespaced }) => isNamespaced);
  const environment = {
    configMaps: cache.lister(CONFIG_MAP),
    secrets: cache.lister(SECRET),
    builds: cache.lister(BUILD),
  };
  const pods = cache.lister(POD);
  const accounts = cache.lister(SERVICE_ACCOUNT);
  const templates = {
    templates: cache.lister(BUILD_TEMPLATE),
    clusterTemplates: cache.lister(CLUSTER_BUILD_TEMPLATE),
    accounts,
  };
  const globals = globalsOf(environment.configMaps);
  const activate = (revision: string) => autoscaler.activate(revision);
  const policies = cache.lister(TRAFFIC_POLICY);
  const steering = { policies, policyReferences };
  const watched = { configurations, revisions, references, mappings, domains, routes };
  const shared = { ...deps, ...watched, ...steering, activate, globals };
  return [
    clusterRoleController({ client, clusterRoles: cache.lister(CLUSTER_ROLE) }),
    namespaceController({ client, kinds, lister: (kind) => cache.lister(kind) }),
    serviceController({ client, recorder, configurations, routes, revisions }),
    configurationController({ client, recorder, revisions }),
    revisionController({ ...shared, ...environment, pods, accounts }),
    routeController({ ...shared, trials: new Trials(deps) }),
    policyController(shared),
    domainMappingController({
      ...shared,
      reached: (route, domain) => secureDomain(route, domain, deps),
      ...(deps.tls !== undefined && { certificates: deps.tls.source }),
    }),
    podController({ client, runtime, builder }),
    buildController({ ...deps, ...environment, pods, ...templates }),
  ] as readonly Controller[];
}

/** What the autoscaler's ConfigMap says, read once a change: each look at a Revision asks. */
function globalsOf(configMaps: Lister<ConfigMap>): () => ScalingGlobals {
  let globals = readAutoscalerConfig();
  let readAt: string | undefined;
  return () => {
    const config = configMaps.get(AUTOSCALER_CONFIG);
    if (config?.metadata.resourceVersion !== readAt) {
      globals = readOr(readAutoscalerConfig, config?.data);
      readAt = config?.metadata.resourceVersion;
    }
    return globals;
  };
}
