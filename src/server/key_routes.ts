import type { ApiRoute } from "./api_route.ts";

export interface RotatedKey {
  /** Of the key that is used from now on. */
  readonly id: string;
  /** How many stored texts were written anew. */
  readonly rows: number;
}

/**
 * `POST /secrets-key/rotation`: a new key for Secrets, with which all of them are encrypted when
 * this answers. It is no resource, so a ClusterRole grants it as `nonResourceURLs`.
 */
export function keyRoutes(rotate: () => Promise<RotatedKey>): readonly ApiRoute[] {
  const path = "/secrets-key/rotation";
  return [{ method: "POST", path, handle: async () => ({ code: 200, body: await rotate() }) }];
}
