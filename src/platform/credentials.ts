import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { type KeyPair, makeCertificate, whyUseless } from "../base/certificate.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import { isMissing, replaceFile } from "../base/durable_file.ts";
import { makeSigningKey } from "../base/jwt.ts";

export interface Credentials {
  /** Signs the server's certificate, and those of users. */
  readonly authority: KeyPair;
  readonly server: KeyPair;
  /** Lets whoever has it in as administrator. */
  readonly token: string;
  /** Signs tokens of ServiceAccounts, in PEM form. Without its file, those of before are void. */
  readonly accountKey: string;
}

export interface CredentialDeps {
  readonly directory: string;
  readonly clock: Clock;
  readonly chance: Chance;
}

const AUTHORITY_DAYS = 3650;
const SERVER_DAYS = 365;
/** A certificate that runs out sooner than this is made anew. */
const RENEW_DAYS = 30;
const TOKEN_BYTES = 32;

/** The authority, the server's certificate and the token of a home: made once, and then kept. */
export async function credentialsFor(host: string, deps: CredentialDeps): Promise<Credentials> {
  const authority = await authorityOf(deps);
  // For curl and browsers: the same as ca.crt, under the name that people look for.
  await replaceFile(join(deps.directory, "ca.pem"), authority.cert, { mode: 0o644 });
  const server = await serverOf(host, authority, deps);
  const token = await tokenOf(deps);
  return { authority, server, token, accountKey: await accountKeyOf(deps) };
}

async function authorityOf({ directory, clock }: CredentialDeps): Promise<KeyPair> {
  const nowMs = clock.now();
  const kept = await readPair(directory, "ca");
  if (kept !== undefined) {
    // Whoever has our kubeconfig trusts this one: another must not take its place unasked.
    const why = whyUseless(kept.cert, { hosts: [], nowMs, days: 0 });
    if (why === undefined) return kept;
    const way = "move ca.crt and ca.key away to have another made; every kubeconfig changes then";
    throw new Error(
      `The certificate of the authority in "${directory}" is of no use: ${why}; ${way}`,
    );
  }
  const made = await makeCertificate({ name: "varve authority", nowMs, days: AUTHORITY_DAYS });
  await writePair(made, { directory, name: "ca" });
  return made;
}

function serverOf(host: string, issuer: KeyPair, deps: CredentialDeps): Promise<KeyPair> {
  return pairFor({ name: "server", title: "varve", hosts: hostsOf(host), issuer }, deps);
}

export interface PairOptions {
  /** Of its files. */
  readonly name: string;
  /** The common name. */
  readonly title: string;
  readonly hosts: readonly string[];
  readonly issuer: KeyPair;
}

/** A certificate of our own authority for hosts: the one that is kept, or a new one in time. */
export async function pairFor(
  { name, title, hosts, issuer }: PairOptions,
  { directory, clock }: Pick<CredentialDeps, "directory" | "clock">,
): Promise<KeyPair> {
  const nowMs = clock.now();
  const kept = await readPair(directory, name);
  const isGood = kept && !whyUseless(kept.cert, { hosts, nowMs, days: RENEW_DAYS, issuer });
  if (isGood) return kept;
  const made = await makeCertificate({ name: title, hosts, issuer, nowMs, days: SERVER_DAYS });
  await writePair(made, { directory, name });
  return made;
}

async function tokenOf({ directory, chance }: CredentialDeps): Promise<string> {
  const path = join(directory, "token");
  const kept = (await read(path))?.trim();
  if (kept !== undefined && kept !== "") return kept;
  const token = chance.token(TOKEN_BYTES);
  await replaceFile(path, `${token}\n`, { mode: 0o600 });
  return token;
}

async function accountKeyOf({ directory }: CredentialDeps): Promise<string> {
  const path = join(directory, "service-account.key");
  const kept = await read(path);
  if (kept !== undefined) return kept;
  const key = makeSigningKey();
  await replaceFile(path, key, { mode: 0o600 });
  return key;
}

/** What clients may call us: where we listen, and this machine by its usual names. */
export function hostsOf(host: string): readonly string[] {
  const isAny = host === "0.0.0.0" || host === "::";
  const own = Object.values(networkInterfaces()).flatMap((all = []) => all);
  const addresses = isAny ? own.map(({ address }) => address.replace(/%.*$/, "")) : [host];
  return [...new Set(["localhost", "127.0.0.1", "::1", ...addresses])];
}

interface Place {
  readonly directory: string;
  readonly name: string;
}

async function readPair(directory: string, name: string): Promise<KeyPair | undefined> {
  const cert = await read(join(directory, `${name}.crt`));
  const key = await read(join(directory, `${name}.key`));
  return cert === undefined || key === undefined ? undefined : { cert, key };
}

/** The key first: a certificate is there only together with its key. */
async function writePair({ cert, key }: KeyPair, { directory, name }: Place): Promise<void> {
  await replaceFile(join(directory, `${name}.key`), key, { mode: 0o600 });
  await replaceFile(join(directory, `${name}.crt`), cert, { mode: 0o644 });
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (thrown) {
    if (isMissing(thrown)) return undefined;
    throw thrown;
  }
}
