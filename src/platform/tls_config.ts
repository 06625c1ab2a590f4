import type { Setting } from "./config.ts";

/** The settings of TLS, as rows of the one table. */
export const TLS_SETTINGS: readonly Setting[] = [
  {
    flag: "tls-gateway",
    variable: "VARVE_TLS_GATEWAY",
    value: "HOST:PORT",
    otherwise: "127.0.0.1:8443; the host of --gateway and any free port where that is given",
    meaning: "where requests to services arrive over TLS; off is nowhere",
  },
  {
    flag: "http-protocol",
    variable: "VARVE_HTTP_PROTOCOL",
    value: "HOW",
    otherwise: "enabled",
    meaning: "whether services answer plain HTTP: enabled, or redirected to HTTPS",
  },
  {
    flag: "hsts",
    variable: "VARVE_HSTS",
    value: "SECONDS",
    otherwise: "0",
    meaning: "for how long browsers are told, over HTTPS, to use nothing else; 0 is not at all",
  },
  {
    flag: "acme",
    variable: "VARVE_ACME",
    value: "URL",
    otherwise: "off",
    meaning: "the ACME directory to get certificates from; letsencrypt is that of Let's Encrypt",
  },
  {
    flag: "acme-email",
    variable: "VARVE_ACME_EMAIL",
    value: "ADDRESS",
    otherwise: "none",
    meaning: "whom the ACME authority may write to",
  },
  {
    flag: "acme-challenge",
    variable: "VARVE_ACME_CHALLENGE",
    value: "TYPE",
    otherwise: "http-01",
    meaning: "how a host is proven to be ours: http-01 on port 80, or tls-alpn-01 on port 443",
  },
  {
    flag: "acme-ca",
    variable: "VARVE_ACME_CA",
    value: "FILE",
    otherwise: "none",
    meaning: "a certificate in PEM form to trust for the ACME directory, besides those of Node",
  },
];

/** How hosts of services are served over TLS. */
export interface TlsConfig {
  /** Whether plain HTTP is answered, or sent to HTTPS. */
  readonly httpProtocol: "enabled" | "redirected";
  readonly hstsSeconds: number;
  readonly acme: AcmeConfig | undefined;
}

export interface AcmeConfig {
  /** The directory of the authority. */
  readonly url: string;
  readonly email: string | undefined;
  readonly challenge: "http-01" | "tls-alpn-01";
  /** A file, in PEM form. */
  readonly caPath: string | undefined;
}

export interface TlsTexts {
  readonly text: (flag: string) => string;
  readonly wrong: (flag: string, value: string, rule: string) => Error;
}

const LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory";

const YEARS_MAX = 10 * 366 * 24 * 3_600;

/** What means nothing without a port for TLS, and would be missed by who asks for it. */
const NEED_PORT = [
  ["http-protocol", "enabled"],
  ["hsts", "0"],
  ["acme", "off"],
] as const;

/** Reads what there is to say about TLS, but for the port. Throws what `wrong` makes. */
export function readTls({ text, wrong }: TlsTexts): TlsConfig {
  const httpProtocol = text("http-protocol").toLowerCase();
  if (httpProtocol !== "enabled" && httpProtocol !== "redirected") {
    throw wrong("http-protocol", httpProtocol, "want enabled or redirected");
  }
  const hsts = text("hsts");
  const hstsSeconds = Number(hsts);
  if (!/^\d+$/.test(hsts) || hstsSeconds > YEARS_MAX) {
    throw wrong("hsts", hsts, "want whole seconds up to ten years, such as 31536000");
  }
  const acme = readAcme({ text, wrong });
  if (text("tls-gateway") === "off") {
    const [flag] = NEED_PORT.find(([it, usual]) => text(it).toLowerCase() !== usual) ?? [];
    if (flag !== undefined)
      throw wrong(flag, text(flag), "it needs a --tls-gateway other than off");
  }
  return { httpProtocol, hstsSeconds, acme };
}

function readAcme({ text, wrong }: TlsTexts): AcmeConfig | undefined {
  const said = text("acme");
  const challenge = text("acme-challenge");
  if (challenge !== "http-01" && challenge !== "tls-alpn-01") {
    throw wrong("acme-challenge", challenge, "want http-01 or tls-alpn-01");
  }
  if (said === "off") return undefined;
  const url = said === "letsencrypt" ? LETS_ENCRYPT : said;
  if (!URL.canParse(url) || new URL(url).protocol !== "https:") {
    throw wrong("acme", said, "want off, letsencrypt, or the https URL of an ACME directory");
  }
  const email = unlessNone(text("acme-email"));
  if (email !== undefined && !/^[^\s@,?]+@[^\s@,?]+$/.test(email)) {
    throw wrong("acme-email", email, "want one address, such as admin@example.com");
  }
  return {
    url,
    challenge,
    email,
    caPath: unlessNone(text("acme-ca")),
  };
}

function unlessNone(text: string): string | undefined {
  return text === "none" || text === "" ? undefined : text;
}
