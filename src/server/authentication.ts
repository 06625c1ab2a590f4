import { hash } from "node:crypto";
import { ApiError } from "../api/error.ts";
import type { Call } from "../base/call.ts";
import { TokenError } from "../base/jwt.ts";
import { type Caller, MASTERS } from "./context.ts";

/** What of a request says who sent it. */
export type Credentials = Pick<Call, "headers" | "peer">;

/**
 * Finds out who sent a request. Nothing when it shows nothing that this one knows; throws an
 * `ApiError` when it shows something that is not, or no more, good.
 */
export interface Authenticator {
  callerOf(credentials: Credentials): Caller | undefined | Promise<Caller | undefined>;
}

/** May do everything: whoever has the kubeconfig of the home. */
export const ADMINISTRATOR: Caller = { user: "varve-admin", groups: [MASTERS] };

export const AUTHENTICATED = "system:authenticated";

/** As itself, and as one of those who have said who they are. */
export function authenticated(caller: Caller): Caller {
  if (caller.groups.includes(AUTHENTICATED)) return caller;
  return { ...caller, groups: [...caller.groups, AUTHENTICATED] };
}

/** Asks one after the other, until one knows who it is. */
export function firstOf(authenticators: readonly Authenticator[]): Authenticator {
  return {
    callerOf(credentials) {
      for (const [at, each] of authenticators.entries()) {
        const caller = each.callerOf(credentials);
        if (caller instanceof Promise)
          return orNext(caller, authenticators.slice(at + 1), credentials);
        if (caller !== undefined) return caller;
      }
      return undefined;
    },
  };
}

async function orNext(
  knowing: Promise<Caller | undefined>,
  others: readonly Authenticator[],
  credentials: Credentials,
): Promise<Caller | undefined> {
  return (await knowing) ?? (await firstOf(others).callerOf(credentials));
}

/** Whose a token is, and for which audiences it is good. */
export interface Owner {
  readonly caller: Caller;
  readonly audiences: readonly string[];
}

/** Knows some sort of bearer tokens. */
export interface TokenSource {
  /**
   * Whose token it is, if it is good for one of the audiences. Nothing when it is of another sort;
   * throws `TokenError` when it is of this one, and not good.
   */
  ownerOf(token: string, audiences: readonly string[]): Promise<Owner | undefined>;
}

/** Knows callers by bearer tokens. */
export interface TokenAuthenticator extends Authenticator {
  /** For what a token must be good that comes without being asked for. */
  readonly audiences: readonly string[];
  /** Throws `TokenError`. */
  review(token: string, audiences: readonly string[]): Promise<Owner | undefined>;
}

interface TokenOptions {
  /** Of this server. */
  readonly audiences?: readonly string[];
  readonly sources?: readonly TokenSource[];
}

/**
 * Knows callers by bearer tokens: those given here, which are good until we stop, and those of
 * other sources. The former are looked up by their digest, so that the time it takes tells nothing
 * about them.
 */
export function tokenAuthenticator(
  callers: Readonly<Record<string, Caller>>,
  { audiences = [], sources = [] }: TokenOptions = {},
): TokenAuthenticator {
  const known = new Map(
    Object.entries(callers).map(([token, caller]) => [digestOf(token), authenticated(caller)]),
  );
  return { audiences, callerOf, review };

  function callerOf({ headers }: Credentials): Caller | undefined | Promise<Caller | undefined> {
    const token = bearerOf(headers.authorization);
    if (token === undefined) return undefined;
    return known.get(digestOf(token)) ?? foreign(token);
  }

  async function foreign(token: string): Promise<Caller | undefined> {
    try {
      return (await review(token, audiences))?.caller;
    } catch (thrown) {
      if (!(thrown instanceof TokenError)) throw thrown;
      const { message } = thrown;
      throw new ApiError("Unauthorized", `Unauthorized: ${message}`, { cause: thrown });
    }
  }

  async function review(token: string, wanted: readonly string[]): Promise<Owner | undefined> {
    const caller = known.get(digestOf(token));
    const good = audiences.filter((it) => wanted.includes(it));
    if (caller !== undefined) return good.length > 0 ? { caller, audiences: good } : undefined;
    for (const source of sources) {
      const owner = await source.ownerOf(token, wanted);
      if (owner !== undefined) return { ...owner, caller: authenticated(owner.caller) };
    }
    return undefined;
  }
}

/** Knows callers by certificates that the authority for clients has signed. */
export const certificateAuthenticator: Authenticator = {
  callerOf({ peer }) {
    return peer && authenticated({ user: peer.name, groups: peer.organizations });
  },
};

/** The token of `Authorization: Bearer …`. */
export function bearerOf(authorization = ""): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization)?.[1];
}

export function digestOf(token: string): string {
  return hash("sha256", token, "base64");
}
