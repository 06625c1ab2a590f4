import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { signRequest, subjectOfRequest } from "../base/certificate.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import { HttpClient } from "../base/http_client.ts";
import { readSigningKey, type SigningKey } from "../base/jwt.ts";
import type { Log } from "../base/log.ts";
import { AccountTokens } from "../server/access/account_tokens.ts";
import type { Audit } from "../server/access/audit.ts";
import type { ClientAuthority } from "../server/access/certificate_routes.ts";
import { OidcTokens } from "../server/access/oidc.ts";
import {
  ADMINISTRATOR,
  type Authenticator,
  certificateAuthenticator,
  firstOf,
  type TokenAuthenticator,
  type TokenSource,
  tokenAuthenticator,
} from "../server/authentication.ts";
import type { Store } from "../store/store.ts";
import type { OidcConfig } from "./access_settings.ts";
import { AuditLog } from "./audit_log.ts";
import type { Config } from "./config.ts";
import type { Credentials } from "./credentials.ts";
import type { Home } from "./home.ts";

export interface DoorsDeps {
  readonly config: Config;
  readonly home: Home;
  readonly credentials: Credentials;
  readonly store: Store;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Log;
}

/** The ways in: who is known by what, and where it is written down. */
export interface Doors extends AsyncDisposable {
  readonly authenticator: Authenticator;
  readonly tokens: TokenAuthenticator;
  readonly accountTokens: AccountTokens;
  readonly audit: Audit;
  readonly clientAuthority: ClientAuthority;
}

/** Administrators by the home's token, programs by theirs, people by certificate or by OIDC. */
export async function makeDoors(deps: DoorsDeps): Promise<Doors> {
  const { config, home, credentials, log } = deps;
  const { tokenIssuer: issuer, auditMegabytes: megabytes, oidc } = config.access;
  await using opened = new AsyncDisposableStack();
  const audit = opened.use(new AuditLog({ path: join(home.audit, "audit.log"), megabytes, log }));
  let signing: Promise<SigningKey> | undefined;
  const key = () => (signing ??= readSigningKey(credentials.accountKey));
  const accountTokens = new AccountTokens({ issuer, key, ...deps });
  const people = oidc === undefined ? [] : [await oidcTokens(oidc, { ...deps, opened, issuer })];
  const sources: readonly TokenSource[] = [accountTokens, ...people];
  const known = { [credentials.token]: ADMINISTRATOR };
  const tokens = tokenAuthenticator(known, { audiences: [issuer], sources });
  const all = opened.move();
  return {
    authenticator: firstOf([certificateAuthenticator, tokens]),
    ...{ tokens, accountTokens },
    audit: (entry) => audit.write(entry),
    clientAuthority: {
      subjectOf: subjectOfRequest,
      sign: (request, seconds) =>
        signRequest(request, { issuer: credentials.authority, nowMs: deps.clock.now(), seconds }),
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

interface OidcDeps {
  readonly clock: Clock;
  readonly opened: AsyncDisposableStack;
  readonly issuer: string;
}

async function oidcTokens(
  { ca, ...options }: OidcConfig,
  { clock, opened, issuer }: OidcDeps,
): Promise<OidcTokens> {
  const trusted = ca === undefined ? {} : { ca: [await readAuthority(ca)] };
  const http = opened.use(new HttpClient({ idleTimeoutMs: 10_000, ...trusted }));
  return new OidcTokens(options, { clock, http, audiences: [issuer] });
}

async function readAuthority(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Error(`Cannot read --oidc-ca "${path}": ${why}`, { cause: thrown });
  }
}
