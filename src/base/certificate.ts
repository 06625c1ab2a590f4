import { createPrivateKey, type KeyObject, type webcrypto, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { createSecureContext } from "node:tls";
import { dateOf } from "./clock.ts";

/** A certificate and its private key, as PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** The common name. */
  readonly name: string;
  /** Names and addresses it is good for. */
  readonly hosts?: readonly string[];
  /** Who signs it; itself when left out, and then it may sign others. */
  readonly issuer?: KeyPair;
  readonly nowMs: number;
  readonly days: number;
}

const DAY_MS = 24 * 3_600_000;
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** Makes a key and a certificate for it, by @peculiar/x509, which is loaded only for this. */
export async function makeCertificate(options: CertificateOptions): Promise<KeyPair> {
  const x509 = await library();
  const { name, hosts = [], issuer, nowMs, days } = options;
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const isAuthority = issuer === undefined;
  const usage = isAuthority
    ? x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign
    : x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment;
  const names = hosts.map((host) => {
    return { type: isIP(host) === 0 ? ("dns" as const) : ("ip" as const), value: host };
  });
  const { serverAuth } = x509.ExtendedKeyUsage;
  const extensions = [
    new x509.BasicConstraintsExtension(isAuthority, undefined, true),
    new x509.KeyUsagesExtension(usage, true),
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ...(isAuthority ? [] : [new x509.ExtendedKeyUsageExtension([serverAuth])]),
    ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
  ];
  const shared = {
    notBefore: dateOf(nowMs - DAY_MS),
    notAfter: dateOf(nowMs + days * DAY_MS),
    signingAlgorithm: ALGORITHM,
    extensions,
  };
  const cert = isAuthority
    ? await x509.X509CertificateGenerator.createSelfSigned({ ...shared, name: `CN=${name}`, keys })
    : await x509.X509CertificateGenerator.create({
        ...shared,
        subject: `CN=${name}`,
        issuer: new x509.X509Certificate(issuer.cert).subject,
        publicKey: keys.publicKey,
        signingKey: await readKey(issuer.key),
      });
  return { cert: cert.toString("pem"), key: await writeKey(keys.privateKey) };
}

export interface HostRequest {
  /** PKCS #10, in DER form. */
  readonly csr: Uint8Array;
  readonly key: string;
}

/** Makes a key, and asks with it for a certificate for hosts. */
export async function makeHostRequest(hosts: readonly string[]): Promise<HostRequest> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const names = hosts.map((value) => ({ type: "dns" as const, value }));
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [new x509.SubjectAlternativeNameExtension(names)],
  });
  return { csr: new Uint8Array(request.rawData), key: await writeKey(keys.privateKey) };
}

/** The object identifier of the proof in a certificate (RFC 8737, 3). */
const ACME_PROOF = "1.3.6.1.5.5.7.1.31";
const OCTET_STRING = 4;

/** A certificate of no authority that proves by a digest that whoever shows it has the host. */
export async function makeProof(host: string, digest: Buffer, nowMs: number): Promise<KeyPair> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const proof = Uint8Array.from([OCTET_STRING, digest.length, ...digest]);
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${host}`,
    keys,
    notBefore: dateOf(nowMs - DAY_MS),
    notAfter: dateOf(nowMs + DAY_MS),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.SubjectAlternativeNameExtension([{ type: "dns", value: host }]),
      new x509.Extension(ACME_PROOF, true, proof),
    ],
  });
  return { cert: cert.toString("pem"), key: await writeKey(keys.privateKey) };
}

export interface CertificateCheck {
  readonly hosts: readonly string[];
  readonly nowMs: number;
  /** For how long it must still be good. */
  readonly days: number;
  /** Whose signature it must have; anybody's when left out. */
  readonly issuer?: KeyPair;
}

/** Why a certificate is of no use: unreadable, old, another's, or not good for a host. */
export function whyUseless(cert: string, check: CertificateCheck): string | undefined {
  const { hosts, nowMs, days, issuer } = check;
  const parsed = parsedOf(cert);
  if (parsed === undefined) return "it cannot be read";
  if (Date.parse(parsed.validTo) < nowMs + days * DAY_MS) return `it runs out on ${parsed.validTo}`;
  const authority = issuer && parsedOf(issuer.cert);
  if (authority !== undefined && !parsed.verify(authority.publicKey)) {
    return "another authority has signed it";
  }
  const missing = hosts.find((host) => {
    return (isIP(host) === 0 ? parsed.checkHost(host) : parsed.checkIP(host)) === undefined;
  });
  return missing === undefined ? undefined : `it is not good for ${missing}`;
}

export interface CertificateFacts {
  /** In lower case: "hello.example.com", "*.example.com". Addresses are not among them. */
  readonly hosts: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** What a chain says of itself, by its first certificate. Throws what cannot be read. */
export function factsOf(chain: string): CertificateFacts {
  const { subjectAltName = "", validFrom, validTo } = new X509Certificate(chain);
  const names = subjectAltName.split(", ").flatMap((name) => {
    const host = /^DNS:([\w.*-]+)$/.exec(name)?.[1];
    return host === undefined ? [] : [host.toLowerCase()];
  });
  const [notBeforeMs, notAfterMs] = [Date.parse(validFrom), Date.parse(validTo)];
  return { hosts: names, notBeforeMs, notAfterMs };
}

const ONE_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** What is wrong with a chain and its key, in words that repeat nothing of either, or nothing. */
export function problemOfPair({ cert, key }: KeyPair): string | undefined {
  const [parsed, ...others] = (cert.match(ONE_CERTIFICATE) ?? [cert]).map(parsedOf);
  if (parsed === undefined) return "the certificate is not PEM that can be read";
  const bad = others.indexOf(undefined);
  if (bad >= 0) return `certificate ${bad + 2} of the chain is not PEM that can be read`;
  const read = keyOf(key);
  if (read === undefined) return "the key is not PEM that can be read without a passphrase";
  if (parsed.checkPrivateKey(read)) return problemOfUse({ cert, key });
  if (!others.some((it) => it?.checkPrivateKey(read))) return "the key is of another certificate";
  return "the chain is in the wrong order: the certificate of the key comes first";
}

/** What TLS itself has against them. */
function problemOfUse(pair: KeyPair): string | undefined {
  try {
    createSecureContext(pair);
    return undefined;
  } catch (thrown) {
    const { code = "" } = thrown as { code?: string };
    if (/TOO_SMALL|TOO_WEAK/.test(code)) return "a key or a signature of the chain is too weak";
    return "the chain is not PEM that can be read: each certificate begins on a line of its own";
  }
}

function keyOf(key: string): KeyObject | undefined {
  try {
    return createPrivateKey(key);
  } catch {
    return undefined;
  }
}

/** Whether there is one in it that can be read. */
export function isCertificate(pem: string): boolean {
  return parsedOf(pem) !== undefined;
}

function parsedOf(cert: string): X509Certificate | undefined {
  try {
    return new X509Certificate(cert);
  } catch {
    return undefined;
  }
}

async function readKey(pem: string): Promise<webcrypto.CryptoKey> {
  const bytes = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
  return await crypto.subtle.importKey("pkcs8", bytes, ALGORITHM, false, ["sign"]);
}

async function writeKey(key: webcrypto.CryptoKey): Promise<string> {
  const bytes = Buffer.from(await crypto.subtle.exportKey("pkcs8", key)).toString("base64");
  const lines = bytes.match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`;
}

/** Whom a certificate is for. */
export interface Subject {
  readonly name: string;
  readonly organizations: readonly string[];
}

export interface CertificateRequest {
  /** As PEM. */
  readonly request: string;
  readonly key: string;
}

/** A new key, and the request that somebody certify it. */
export async function makeCertificateRequest(subject: Subject): Promise<CertificateRequest> {
  const x509 = await library();
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const { name, organizations } = subject;
  const made = await x509.Pkcs10CertificateRequestGenerator.create({
    name: new x509.Name([...organizations.map((it) => ({ O: [it] })), { CN: [name] }]),
    keys,
    signingAlgorithm: ALGORITHM,
  });
  return { request: made.toString("pem"), key: await writeKey(keys.privateKey) };
}

/** Whom a request is for. Throws an `Error` when it cannot be read or its signature is not good. */
export async function subjectOfRequest(request: string): Promise<Subject> {
  const x509 = await library();
  const read = new x509.Pkcs10CertificateRequest(request);
  if (!(await read.verify())) throw new Error("its signature is not good");
  const [name = "", ...more] = read.subjectName.getField("CN");
  if (name === "" || more.length > 0) throw new Error("it must have one common name: the user");
  return { name, organizations: read.subjectName.getField("O") };
}

export interface Signing {
  readonly issuer: KeyPair;
  readonly nowMs: number;
  readonly seconds: number;
}

/** A certificate for the key of a request, good for clients alone. */
export async function signRequest(
  request: string,
  { issuer, nowMs, seconds }: Signing,
): Promise<string> {
  const x509 = await library();
  const read = new x509.Pkcs10CertificateRequest(request);
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
  const made = await x509.X509CertificateGenerator.create({
    subject: read.subject,
    issuer: new x509.X509Certificate(issuer.cert).subject,
    publicKey: read.publicKey,
    signingKey: await readKey(issuer.key),
    notBefore: dateOf(nowMs - SKEW_MS),
    notAfter: dateOf(nowMs + seconds * 1000),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(digitalSignature | keyEncipherment, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
    ],
  });
  return made.toString("pem");
}

/** Clocks of clients may be behind ours. */
const SKEW_MS = 5 * 60_000;

async function library() {
  // The library builds on decorators, and leaves it to us to load what they need.
  await import("reflect-metadata");
  return await import("@peculiar/x509");
}
