import type { Answer, Call } from "../base/call.ts";
import type { Caller } from "./context.ts";

/** One path of the API, and what answers there. */
export interface ApiRoute {
  readonly method: string;
  readonly path: string;
  readonly handle: (call: Call, caller: Caller) => Answer | Promise<Answer>;
  readonly isStreamed?: boolean;
}
