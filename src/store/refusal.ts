import { ApiError } from "../api/error.ts";

/** The watcher asks for what was forgotten. In the words that users of kubectl know. */
export function expired(after: number, compactedRevision: number): ApiError {
  return new ApiError("Expired", `too old resource version: ${after} (${compactedRevision})`);
}

export function closed(): ApiError {
  return new ApiError("ServiceUnavailable", "the store is closed, as the server is stopping");
}
