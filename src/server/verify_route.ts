import type { ObjectKey } from "../api/meta.ts";
import type { Answer, Call } from "../base/call.ts";
import type { ApiRoute } from "./api_route.ts";

/** One thing that a Revision is made of: with a message when it is not what it was. */
export interface VerifiedPart {
  readonly part: string;
  readonly name?: string;
  readonly recorded?: string;
  readonly found?: string;
  readonly message?: string;
}

/** Whether a Revision is still what it was made as. */
export interface Verified {
  readonly revision: string;
  readonly isSame: boolean;
  readonly recorded?: string;
  readonly computed?: string;
  /** It follows what it refers to, which is no part of its identity then. */
  readonly follows?: boolean;
  readonly parts: readonly VerifiedPart[];
}

export type Verify = (revision: ObjectKey) => Promise<Verified>;

/** `GET …/revisions/NAME/verify`: the identity of a Revision, computed anew. */
export function verifyRoute(verify: Verify): ApiRoute {
  const path = "/apis/serving.knative.dev/v1/namespaces/:namespace/revisions/:name/verify";
  return { method: "GET", path, handle };

  async function handle({ params }: Call): Promise<Answer> {
    const { namespace = "", name = "" } = params;
    return { code: 200, body: await verify({ namespace, name }) };
  }
}
