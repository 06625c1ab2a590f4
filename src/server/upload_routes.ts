import type { Readable } from "node:stream";
import { ApiError } from "../api/error.ts";
import type { Answer, Call } from "../base/call.ts";
import type { ApiRoute } from "./api_route.ts";

/** Sources on their way in: archives that a Service's `varve.dev/source` can then name. */
export interface Uploads {
  has(digest: string): Promise<boolean>;
  /** Stores what the stream yields. Throws `BadRequest` when it is not what `digest` says. */
  put(digest: string, content: Readable): Promise<{ readonly bytes: number }>;
}

const PATH = "/apis/varve.dev/v1/namespaces/:namespace/uploads/:digest";

/** `HEAD` and `PUT …/uploads/sha256:…`: is it here, and here it is. */
export function uploadRoutes(uploads: Uploads): readonly ApiRoute[] {
  return [
    { method: "HEAD", path: PATH, handle: head },
    { method: "PUT", path: PATH, handle: put, isStreamed: true },
  ];

  async function head(call: Call): Promise<Answer> {
    return { code: (await uploads.has(digestOf(call))) ? 200 : 404 };
  }

  async function put(call: Call): Promise<Answer> {
    const digest = digestOf(call);
    if (call.stream === undefined) {
      throw new ApiError("BadRequest", "send the archive as the body, a tar or a tar.gz");
    }
    const { bytes } = await uploads.put(digest, call.stream);
    return { code: 201, body: { digest, bytes, source: `upload:${digest}` } };
  }
}

function digestOf({ params }: Call): string {
  const { digest = "" } = params;
  if (/^sha256:[0-9a-f]{64}$/.test(digest)) return digest;
  throw new ApiError("BadRequest", `"${digest}" is no digest: want sha256: and 64 hex digits`);
}
