import { nodeHttp } from "../../base/node_http.ts";
import { answerOf } from "../answer.ts";
import type { OnAnswer } from "../course.ts";
import type { Refusal } from "../refusal.ts";
import { linesOf } from "./coursing.ts";

export interface RefusingOptions {
  /** The client asks for JSON. */
  readonly isJson: boolean;
  readonly isHead: boolean;
  /** The connection ends with it. */
  readonly isLast: boolean;
  /** When it is made, as HTTP writes it. */
  readonly date: string;
  /** Policies of the host have a say in its head as well. */
  readonly onAnswer?: OnAnswer | undefined;
}

const WANTS_JSON = /\r\naccept:[^\r]*\bapplication\/(?:[\w.-]+\+)?json\b/i;

/** Whether a request, as its whole head, asks for JSON. */
export function wantsJson(head: string): boolean {
  return WANTS_JSON.test(head);
}

/** An answer of the gateway's own: a line of text, or problem details (RFC 9457). */
export function refusalText(refusal: Refusal, options: RefusingOptions): string {
  const { isJson, isHead, isLast, date, onAnswer } = options;
  const { code } = refusal;
  const { headers, body } = answerOf(refusal, isJson);
  headers.push("Date", date);
  onAnswer?.(code, headers)?.destroy();
  if (isLast) headers.push("Connection", "close");
  const line = `HTTP/1.1 ${code} ${nodeHttp.STATUS_CODES[code] ?? ""}`;
  return `${line}\r\n${linesOf(headers)}\r\n${isHead ? "" : body}`;
}
