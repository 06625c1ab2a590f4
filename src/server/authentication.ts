import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { Caller } from "./context.ts";

/** Finds out who sent a request, or that nobody says. */
export interface Authenticator {
  callerOf(headers: IncomingHttpHeaders): Caller | undefined;
}

/** May do everything: whoever has the kubeconfig of the home. */
export const ADMINISTRATOR: Caller = { user: "varve-admin", groups: ["system:masters"] };

/**
 * Knows callers by bearer tokens. Tokens are looked up by their digest, so that the time it takes
 * tells nothing about them.
 */
export function tokenAuthenticator(callers: Readonly<Record<string, Caller>>): Authenticator {
  const known = new Map(Object.entries(callers).map(([token, caller]) => [digest(token), caller]));
  return {
    callerOf({ authorization = "" }) {
      const [, token] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
      const caller = token === undefined ? undefined : known.get(digest(token));
      return caller && { ...caller, groups: [...caller.groups, "system:authenticated"] };
    },
  };
}

function digest(token: string): string {
  return createHash("sha256").update(token).digest("base64");
}
