/** The API groups and versions of the kinds we serve. */
export const CORE = "v1";
export const BUILDS = "build.knative.dev/v1alpha1";
export const RBAC = "rbac.authorization.k8s.io/v1";
export const SERVING = "serving.knative.dev/v1";
export const SERVING_BETA = "serving.knative.dev/v1beta1";
export const VARVE = "varve.dev/v1";

/** "serving.example.com/v1" is of the group "serving.example.com"; "v1" is of the group "". */
export function groupOf(apiVersion: string): string {
  return apiVersion.slice(0, Math.max(apiVersion.indexOf("/"), 0));
}

/** "serving.example.com/v1" is of the version "v1", and so is "v1". */
export function versionOf(apiVersion: string): string {
  return apiVersion.slice(apiVersion.indexOf("/") + 1);
}
