import { BUILD } from "./build.ts";
import { BUILD_TEMPLATE, CLUSTER_BUILD_TEMPLATE } from "./build_template.ts";
import { CERTIFICATE_REQUEST } from "./certificate_request.ts";
import { CONFIG_MAP } from "./config_map.ts";
import { CONFIGURATION } from "./configuration.ts";
import { CUSTOM_RESOURCE_DEFINITION } from "./definition.ts";
import { DOMAIN_MAPPING } from "./domain_mapping.ts";
import { EVENT } from "./event.ts";
import { groupOf } from "./group.ts";
import type { Kind } from "./kind.ts";
import type { TypeMeta } from "./meta.ts";
import { NAMESPACE } from "./namespace.ts";
import { NODE } from "./node.ts";
import { POD } from "./pod.ts";
import { REVISION } from "./revision.ts";
import { CLUSTER_ROLE, ROLE } from "./role.ts";
import { CLUSTER_ROLE_BINDING, ROLE_BINDING } from "./role_binding.ts";
import { ROUTE } from "./route.ts";
import { SECRET } from "./secret.ts";
import { SERVICE } from "./service.ts";
import { SERVICE_ACCOUNT } from "./service_account.ts";
import { TRAFFIC_POLICY } from "./traffic_policy.ts";

/** Every kind there is. Routes, discovery, OpenAPI and manifests come from this list. */
export const KINDS: readonly Kind[] = [
  NAMESPACE,
  CONFIG_MAP,
  EVENT,
  NODE,
  POD,
  SECRET,
  SERVICE_ACCOUNT,
  ROLE,
  CLUSTER_ROLE,
  ROLE_BINDING,
  CLUSTER_ROLE_BINDING,
  CERTIFICATE_REQUEST,
  CUSTOM_RESOURCE_DEFINITION,
  CONFIGURATION,
  DOMAIN_MAPPING,
  REVISION,
  ROUTE,
  SERVICE,
  TRAFFIC_POLICY,
  BUILD,
  BUILD_TEMPLATE,
  CLUSTER_BUILD_TEMPLATE,
];

/** The kind of a resource, whatever version of its group it is written in. */
export function kindOf({ apiVersion, kind }: TypeMeta): Kind | undefined {
  const group = groupOf(apiVersion);
  return KINDS.find((it) => it.kind === kind && groupOf(it.apiVersion) === group);
}
