import { disallowed, type Violation } from "./violation.ts";

/** Fields of a pod that Kubernetes has, and a Revision must not use (spec/elafros §4.4). */
const FORBIDDEN: ReadonlySet<string> = new Set([
  ...["lifecycle", "stdin", "stdinOnce", "tty", "volumeDevices", "resizePolicy", "claims"],
  ...["hostPort", "hostIP", "mountPropagation", "recursiveReadOnly", "subPathExpr"],
  ...["fieldRef", "resourceFieldRef", "fileKeyRef", "restartPolicyRules"],
  ...["procMount", "seLinuxOptions", "windowsOptions", "appArmorProfile"],
  ...["nodeSelector", "affinity", "tolerations", "topologySpreadConstraints", "hostAliases"],
  ...["runtimeClassName", "dnsPolicy", "dnsConfig", "securityContext", "hostname", "subdomain"],
  ...["shareProcessNamespace", "hostIPC", "hostPID", "hostNetwork", "hostUsers"],
  ...["priorityClassName", "priority", "preemptionPolicy", "schedulerName", "schedulingGates"],
  ...["initContainers", "ephemeralContainers", "restartPolicy", "nodeName", "serviceAccount"],
  ...["terminationGracePeriodSeconds", "activeDeadlineSeconds", "overhead", "readinessGates"],
  ...["resourceClaims", "resources", "setHostnameAsFQDN", "os"],
  ...["persistentVolumeClaim", "hostPath", "csi", "ephemeral", "image", "nfs", "iscsi"],
  ...["downwardAPI", "clusterTrustBundle", "podCertificate"],
]);

/** Whether a path ends in a field that a pod has and a Revision has not. */
export function isForbidden(path: string): boolean {
  return FORBIDDEN.has(path.slice(path.lastIndexOf(".") + 1));
}

/** Refuses those of the paths under `spec` that mean something, though nothing we could do. */
export function checkForbidden(unknown: readonly string[], spec: string): readonly Violation[] {
  const bad = unknown.filter((path) => path.startsWith(`${spec}.`) && isForbidden(path));
  return bad.map((path) => disallowed(path));
}
