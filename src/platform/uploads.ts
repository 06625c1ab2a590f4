import type { Readable } from "node:stream";
import { ApiError, type Reason } from "../api/error.ts";
import { BodyTooLarge } from "../base/http_body.ts";
import { type Digest, type ImageStore, OciError } from "../oci/oci.ts";
import type { Uploads } from "../server/upload_routes.ts";

/** What one archive may hold. */
const UPLOAD_BYTES_MAX = 2 * 1024 ** 3;

const REASON_OF: Readonly<Record<string, Reason>> = {
  DIGEST_INVALID: "BadRequest",
  NO_SPACE: "InsufficientStorage",
};

/** Keeps uploaded sources where images are kept: by their digest. */
export function uploadsTo(images: ImageStore): Uploads {
  return {
    has: async (digest) => (await images.blobBytes(digest as Digest)) !== undefined,
    async put(digest, content) {
      try {
        const { size } = await images.putBlob(bounded(content), digest as Digest);
        return { bytes: size };
      } catch (thrown) {
        const reason = thrown instanceof OciError ? REASON_OF[thrown.reason] : undefined;
        if (!(thrown instanceof OciError) || reason === undefined) throw thrown;
        throw new ApiError(reason, `Cannot keep the upload: ${thrown.message}`, { cause: thrown });
      }
    },
  };
}

async function* bounded(content: Readable): AsyncIterable<Uint8Array> {
  let bytes = 0;
  for await (const chunk of content as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > UPLOAD_BYTES_MAX) throw new BodyTooLarge(UPLOAD_BYTES_MAX);
    yield chunk;
  }
}
