import { Readable } from "node:stream";
import type { Answer, Call } from "../base/call.ts";
import type { ApiRoute } from "./api_route.ts";
import { isTrue } from "./query.ts";

/** What goes into a backup besides all resources. */
export interface BackupScope {
  readonly images: boolean;
  /** What lets in, and what Secrets are encrypted with. */
  readonly keys: boolean;
}

/** Makes archives of all that is here, as of one moment. */
export interface Backups {
  make(scope: BackupScope): AsyncIterable<Uint8Array>;
}

const TYPE = "application/x-tar";

/**
 * `GET /backup` and `GET /backup/keys`: the whole of Varve in one archive, with the images when
 * `?images=true`. They are no resources, so a ClusterRole grants them as `nonResourceURLs`; with
 * the keys one may do anything, and so that is a path of its own.
 */
export function backupRoutes(backups: Backups): readonly ApiRoute[] {
  const route = (path: string, keys: boolean): ApiRoute => {
    return { method: "GET", path, handle: (call) => answer(call, keys) };
  };
  return [route("/backup", false), route("/backup/keys", true)];

  function answer({ query }: Call, keys: boolean): Answer {
    const content = backups.make({ images: isTrue(query.get("images")), keys });
    const headers = { "content-type": TYPE };
    return { code: 200, headers, body: Readable.from(content, { objectMode: false }) };
  }
}
