import { resolve } from "node:path";

/** Settings of who may do what, in the form of the table of config.ts, which they are part of. */
export const ACCESS_SETTINGS = [
  {
    flag: "secrets-key",
    variable: "VARVE_SECRETS_KEY",
    value: "FILE",
    otherwise: "HOME/secrets.key",
    meaning: "the key that Secrets are encrypted with; keep a copy apart from the backups",
  },
  {
    flag: "audit-mb",
    variable: "VARVE_AUDIT_MB",
    value: "N",
    otherwise: "64",
    meaning: "room for the audit log, HOME/audit/audit.log, in megabytes; 0 writes none",
  },
  {
    flag: "requests-per-second",
    variable: "VARVE_REQUESTS_PER_SECOND",
    value: "N",
    otherwise: "200",
    meaning: "what one user may ask of the API, and twice that at once; 0 is no limit",
  },
  {
    flag: "streams-per-user",
    variable: "VARVE_STREAMS_PER_USER",
    value: "N",
    otherwise: "500",
    meaning: "watches and followed logs that one user may have open at once; 0 is no limit",
  },
  {
    flag: "token-issuer",
    variable: "VARVE_TOKEN_ISSUER",
    value: "URL",
    otherwise: "https://kubernetes.default.svc.cluster.local",
    meaning: "who tokens of ServiceAccounts say has issued them",
  },
  {
    flag: "oidc-issuer",
    variable: "VARVE_OIDC_ISSUER",
    value: "URL",
    otherwise: "",
    meaning: "whose ID tokens let people in; empty for nobody's",
  },
  {
    flag: "oidc-client-id",
    variable: "VARVE_OIDC_CLIENT_ID",
    value: "ID",
    otherwise: "",
    meaning: "the audience that ID tokens must be for",
  },
  {
    flag: "oidc-username-claim",
    variable: "VARVE_OIDC_USERNAME_CLAIM",
    value: "CLAIM",
    otherwise: "sub",
    meaning: "the claim of an ID token that names the user",
  },
  {
    flag: "oidc-username-prefix",
    variable: "VARVE_OIDC_USERNAME_PREFIX",
    value: "TEXT",
    otherwise: "",
    meaning: 'put before the name; "-" for none; otherwise ISSUER# unless the claim is "email"',
  },
  {
    flag: "oidc-groups-claim",
    variable: "VARVE_OIDC_GROUPS_CLAIM",
    value: "CLAIM",
    otherwise: "",
    meaning: "the claim of an ID token that lists the groups of the user",
  },
  {
    flag: "oidc-groups-prefix",
    variable: "VARVE_OIDC_GROUPS_PREFIX",
    value: "TEXT",
    otherwise: "",
    meaning: "put before each group",
  },
  {
    flag: "oidc-required-claims",
    variable: "VARVE_OIDC_REQUIRED_CLAIMS",
    value: "K=V,…",
    otherwise: "",
    meaning: "claims that an ID token must have, with these values",
  },
  {
    flag: "oidc-algorithms",
    variable: "VARVE_OIDC_ALGORITHMS",
    value: "LIST",
    otherwise: "RS256",
    meaning: "what ID tokens may be signed by, such as RS256,ES256",
  },
  {
    flag: "oidc-ca",
    variable: "VARVE_OIDC_CA",
    value: "FILE",
    otherwise: "",
    meaning: "certificates to trust besides the usual ones when asking the issuer for its keys",
  },
] as const;

export interface OidcConfig {
  readonly issuer: string;
  readonly clientId: string;
  readonly usernameClaim: string;
  readonly usernamePrefix: string;
  /** Empty for no groups. */
  readonly groupsClaim: string;
  readonly groupsPrefix: string;
  readonly requiredClaims: Readonly<Record<string, string>>;
  readonly algorithms: readonly string[];
  /** The path of a file in PEM form. */
  readonly ca: string | undefined;
}

export interface AccessConfig {
  readonly secretsKey: string;
  readonly auditMegabytes: number;
  readonly requestsPerSecond: number;
  readonly streamsPerUser: number;
  readonly tokenIssuer: string;
  readonly oidc: OidcConfig | undefined;
}

interface Reading {
  /** What was given for a flag, or what stands for it otherwise. */
  readonly text: (flag: string) => string;
  readonly home: string;
  /** Makes the error that names the flag, the value and the rule. */
  readonly wrong: (flag: string, value: string, rule: string) => Error;
}

/** Reads these settings. Throws what `wrong` makes. */
export function readAccess(reading: Reading): AccessConfig {
  const { text, home } = reading;
  const key = text("secrets-key").replace(/^HOME\//, `${home}/`);
  return {
    secretsKey: resolve(key),
    auditMegabytes: readNumber("audit-mb", reading),
    requestsPerSecond: readNumber("requests-per-second", reading),
    streamsPerUser: readNumber("streams-per-user", reading),
    tokenIssuer: readHttps("token-issuer", reading),
    oidc: text("oidc-issuer") === "" ? undefined : readOidc(reading),
  };
}

function readOidc(reading: Reading): OidcConfig {
  const { text, wrong } = reading;
  const clientId = text("oidc-client-id");
  if (clientId === "") {
    throw wrong("oidc-client-id", "", "with --oidc-issuer, say whom ID tokens must be for");
  }
  const issuer = readHttps("oidc-issuer", reading);
  const usernameClaim = text("oidc-username-claim");
  const ca = text("oidc-ca");
  return {
    ...{ issuer, clientId, usernameClaim },
    usernamePrefix: prefixOf(text("oidc-username-prefix"), { issuer, usernameClaim }),
    groupsClaim: text("oidc-groups-claim"),
    groupsPrefix: text("oidc-groups-prefix"),
    requiredClaims: readClaims(reading),
    algorithms: readAlgorithms(reading),
    ca: ca === "" ? undefined : resolve(ca),
  };
}

/** So that names of one issuer are not taken for those of others; e-mail addresses are unique. */
function prefixOf(
  said: string,
  { issuer, usernameClaim }: { readonly issuer: string; readonly usernameClaim: string },
): string {
  if (said === "-") return "";
  if (said !== "") return said;
  return usernameClaim === "email" ? "" : `${issuer}#`;
}

function readNumber(flag: string, { text, wrong }: Reading): number {
  const value = text(flag);
  if (/^\d{1,6}$/.test(value)) return Number(value);
  throw wrong(flag, value, "want a whole number from 0 to 999999");
}

function readHttps(flag: string, { text, wrong }: Reading): string {
  const value = text(flag);
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isPlain = url !== undefined && url.search === "" && url.hash === "" && url.username === "";
  if (isPlain && url.protocol === "https:") return value;
  throw wrong(flag, value, "want an https URL without a query, such as https://login.example.com");
}

function readClaims({ text, wrong }: Reading): Readonly<Record<string, string>> {
  const said = text("oidc-required-claims");
  const pairs = said.split(",").filter((it) => it !== "");
  const entries = pairs.map((pair) => {
    const at = pair.indexOf("=");
    if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)];
    throw wrong("oidc-required-claims", said, "want CLAIM=VALUE, several with commas between");
  });
  return Object.fromEntries(entries);
}

const ALGORITHMS = /^(RS|ES|PS)(256|384|512)$|^EdDSA$/;

function readAlgorithms({ text, wrong }: Reading): readonly string[] {
  const said = text("oidc-algorithms");
  const list = said.split(",").filter((it) => it !== "");
  if (list.length > 0 && list.every((it) => ALGORITHMS.test(it))) return list;
  throw wrong("oidc-algorithms", said, "want some of RS256, ES256, PS256, EdDSA and so on");
}
