import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isReason } from "../api/error.ts";
import { ANNOTATION, LABEL } from "../api/labels.ts";
import { type ObjectKey, pathOf } from "../api/meta.ts";
import { ROUTE } from "../api/route.ts";
import { SECRET, type Secret } from "../api/secret.ts";
import { AcmeClient, AcmeError, type Challenge } from "../base/acme.ts";
import { delayMs } from "../base/backoff.ts";
import { isCertificate, type KeyPair, makeProof, whyUseless } from "../base/certificate.ts";
import type { Chance } from "../base/chance.ts";
import { type Clock, every } from "../base/clock.ts";
import { HttpClient } from "../base/http_client.ts";
import { makeSigningKey } from "../base/jwt.ts";
import type { Log } from "../base/log.ts";
import type { Cache, Client } from "../client/client.ts";
import type { Recorder } from "../control/recorder.ts";
import { isWild } from "../gateway/host_map.ts";
import type { Gateway } from "../gateway/route_table.ts";
import type { CertificateState } from "../reconcilers/route/tls.ts";
import { ConfigError } from "./config.ts";
import type { HostCertificates, Issuer } from "./host_certificates.ts";
import type { AcmeConfig } from "./tls_config.ts";

export interface AcmeIssuerDeps {
  readonly acme: AcmeConfig;
  readonly hosts: HostCertificates;
  readonly gateway: Gateway;
  readonly client: Client;
  readonly cache: Cache;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Log;
}

/** How it stands with one host. What is to come is kept, so that a restart asks no sooner. */
interface Wish {
  readonly host: string;
  /** Who has it. */
  readonly route: ObjectKey & { readonly namespace: string };
  failures: number;
  notBeforeMs: number;
  why: string | undefined;
}

type Kept = Readonly<Record<string, Pick<Wish, "failures" | "notBeforeMs" | "why">>>;

const ACCOUNT = { namespace: "varve-system", name: "acme-account" } as const;
/** From one minute to half a day: an authority counts failures by the hour, and by the week. */
const BACKOFF = { firstMs: 60_000, mostMs: 12 * 3_600_000 };
const TICK_MS = 5_000;
/** How often those that have run out are looked for. */
const CLEARING_MS = 3_600_000;

/**
 * Gets certificates from an ACME authority, one host at a time, and keeps them as Secrets, which is
 * how the gateway comes to them. A failure is told to the Route, and tried again later and later.
 * One whose host is gone is kept until it has run out: who has the host again needs no other, and
 * an authority gives few for the same host (Let's Encrypt: five a week).
 */
export class AcmeIssuer implements Issuer {
  readonly #deps: AcmeIssuerDeps;
  readonly #wishes = new Map<string, Wish>();
  readonly #closing = new AbortController();
  #kept: Kept = {};
  #clearAtMs = 0;
  #acme: AcmeClient | undefined;
  #http: HttpClient | undefined;
  #timer: Disposable | undefined;
  #running: Promise<void> | undefined;

  constructor(deps: AcmeIssuerDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    const { acme, clock } = this.#deps;
    const ca = acme.caPath === undefined ? [] : [await readAuthority(acme.caPath)];
    this.#http = new HttpClient({ ca });
    const { key, kept } = await this.#account();
    this.#kept = kept;
    const { url, email } = acme;
    this.#acme = new AcmeClient({ url, email, http: this.#http, clock, accountKey: key });
    this.#clearAtMs = clock.now() + CLEARING_MS;
    this.#timer = every(clock, TICK_MS, () => this.#work());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#timer?.[Symbol.dispose]();
    await this.#running;
    await this.#http?.[Symbol.asyncDispose]();
  }

  want(host: string, route: ObjectKey): CertificateState | undefined {
    // Nobody signs the former (RFC 6761), and the latter takes a proof by DNS.
    if (host === "localhost" || host.endsWith(".localhost") || isWild(host)) return undefined;
    const { hosts, acme } = this.#deps;
    const { namespace = "default", name } = route;
    if (hosts.isFresh(host, namespace)) {
      this.#wishes.delete(host);
      return undefined;
    }
    const known = this.#wishes.get(host);
    const isKnown = known !== undefined && pathOf(known.route) === pathOf(route);
    const before = known ?? this.#kept[host] ?? { failures: 0, notBeforeMs: 0, why: undefined };
    const wish = isKnown ? known : { ...before, host, route: { namespace, name } };
    // Who only asks how it stands may come before the Route, as after a restart.
    if (!isKnown && hosts.isCovered(host, route)) {
      this.#wishes.set(host, wish);
      void this.#work();
    }
    const { hostname } = new URL(acme.url);
    if (wish.why === undefined) {
      return { is: "pending", message: `${hostname} is asked for a certificate for "${host}".` };
    }
    return { is: "failed", message: `No certificate for "${host}" from ${hostname}: ${wish.why}` };
  }

  /** One after the other; whoever comes meanwhile is seen to by the same run. */
  #work(): Promise<void> {
    this.#running ??= this.#workOff().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #workOff(): Promise<void> {
    const { clock, hosts } = this.#deps;
    if (this.#clearAtMs <= clock.now()) await this.#clear();
    for (;;) {
      const due = [...this.#wishes.values()].find(({ notBeforeMs }) => notBeforeMs <= clock.now());
      if (due === undefined || this.#closing.signal.aborted || this.#acme === undefined) return;
      if (!hosts.isCovered(due.host, due.route)) {
        await this.#drop(due);
        continue;
      }
      await this.#try(due, this.#acme);
      hosts.wake(due.route.namespace);
    }
  }

  /** Deletes those that have run out, of hosts that nobody has. */
  async #clear(): Promise<void> {
    const { cache, client, clock, hosts, log } = this.#deps;
    this.#clearAtMs = clock.now() + CLEARING_MS;
    const covered = hosts.covered();
    for (const secret of cache.lister(SECRET).list()) {
      const { namespace, name, annotations } = secret.metadata;
      const host = annotations?.[ANNOTATION.acmeHost];
      if (host === undefined || name !== `acme-${host}`) continue;
      if (covered.has(`${namespace}/${host}`)) continue;
      const cert = Buffer.from(secret.data?.["tls.crt"] ?? "", "base64").toString();
      const why = whyUseless(cert, { hosts: [], nowMs: clock.now(), days: 0 });
      if (why === undefined) continue;
      try {
        await client.delete(secret);
        log.info({ host, why }, "deleted a certificate that nobody needs");
      } catch (thrown) {
        log.warn({ err: thrown, host }, "cannot delete a certificate that nobody needs");
      }
    }
  }

  /** Nobody has the host any more, or another has. */
  async #drop(wish: Wish): Promise<void> {
    if (this.#wishes.get(wish.host) !== wish) return;
    this.#wishes.delete(wish.host);
    await this.#remember(wish.host, undefined);
  }

  async #try(wish: Wish, acme: AcmeClient): Promise<void> {
    const { clock, chance, log } = this.#deps;
    const { host } = wish;
    const { signal } = this.#closing;
    try {
      const type = this.#deps.acme.challenge;
      const prove = (challenge: Challenge) => this.#prove(challenge);
      const pair = await acme.order([host], { type, prove, signal });
      await this.#keep(wish, pair);
      await this.#drop(wish);
      log.info({ host }, "got a certificate");
      this.#tell(wish, { type: "Normal", reason: "CertificateIssued", message: `For "${host}".` });
    } catch (thrown) {
      if (signal.aborted) return;
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      const waitMs = delayMs(BACKOFF, wish.failures, chance);
      const asked = thrown instanceof AcmeError ? (thrown.retryAfterMs ?? 0) : 0;
      wish.failures += 1;
      wish.notBeforeMs = clock.now() + Math.max(waitMs, asked);
      wish.why = why;
      await this.#remember(host, wish);
      log.warn({ host, why, failures: wish.failures }, "got no certificate");
      const message = `For "${host}": ${why}`;
      this.#tell(wish, { type: "Warning", reason: "CertificateFailed", message });
    }
  }

  /** Has all workers show the answer, before the authority comes to look. */
  async #prove({ type, host, token, answer }: Challenge): Promise<AsyncDisposable> {
    const { gateway, clock } = this.#deps;
    const id = `acme/${host}`;
    if (type === "http-01") await gateway.putTls({ is: "http", id, host, token, answer });
    else {
      const digest = createHash("sha256").update(answer).digest();
      const pair = await makeProof(host, digest, clock.now());
      await gateway.putTls({ is: "alpn", id, host, ...pair });
    }
    return { [Symbol.asyncDispose]: () => gateway.deleteTls(id).catch(() => {}) };
  }

  /** As a Secret of the namespace, which the gateway is told of as of any other. */
  async #keep({ host, route: { namespace } }: Wish, { cert, key }: KeyPair): Promise<void> {
    const { client } = this.#deps;
    const name = `acme-${host}`;
    const stringData = { "tls.crt": cert, "tls.key": key };
    const { apiVersion, kind } = SECRET;
    const labels = { [LABEL.certificate]: "true" };
    const metadata = { name, namespace, labels, annotations: { [ANNOTATION.acmeHost]: host } };
    try {
      const type = "kubernetes.io/tls";
      await client.create<Secret>({ apiVersion, kind, metadata, type, stringData });
    } catch (thrown) {
      if (!isReason(thrown, "AlreadyExists")) throw thrown;
      const key = { namespace, name };
      const there = await client.get(SECRET, key);
      if (there.metadata.annotations?.[ANNOTATION.acmeHost] !== host) {
        throw new AcmeError(`Secret "${name}" is another's: delete it, or give it another name`);
      }
      await client.patch({ kind: SECRET, key }, { stringData });
    }
  }

  /** The key of the account, made at the first start, and what was kept beside it. */
  async #account(): Promise<{ readonly key: string; readonly kept: Kept }> {
    const { client, acme } = this.#deps;
    try {
      const { data = {} } = await client.get(SECRET, ACCOUNT);
      const text = (name: string) => Buffer.from(data[name] ?? "", "base64").toString();
      if (text("directory") === acme.url) {
        return { key: text("key"), kept: JSON.parse(text("backoff") || "{}") as Kept };
      }
      const stringData = { key: makeSigningKey(), directory: acme.url, backoff: "{}" };
      await client.patch({ kind: SECRET, key: ACCOUNT }, { stringData });
      return { key: stringData.key, kept: {} };
    } catch (thrown) {
      if (!isReason(thrown, "NotFound")) throw thrown;
      const { apiVersion, kind } = SECRET;
      const key = makeSigningKey();
      const stringData = { key, directory: acme.url, backoff: "{}" };
      await client.create<Secret>({ apiVersion, kind, metadata: ACCOUNT, stringData });
      return { key, kept: {} };
    }
  }

  async #remember(host: string, wish: Wish | undefined): Promise<void> {
    const { [host]: before, ...others } = this.#kept;
    if (before === undefined && wish === undefined) return;
    const { failures = 0, notBeforeMs = 0, why } = wish ?? {};
    this.#kept =
      wish === undefined ? others : { ...others, [host]: { failures, notBeforeMs, why } };
    const stringData = { backoff: JSON.stringify(this.#kept) };
    await this.#deps.client.patch({ kind: SECRET, key: ACCOUNT }, { stringData });
  }

  #tell({ route }: Wish, happening: Parameters<Recorder["record"]>[1]): void {
    const { cache, recorder } = this.#deps;
    const told = cache.lister(ROUTE).get(route);
    if (told !== undefined) recorder.record(told, happening);
  }
}

async function readAuthority(path: string): Promise<string> {
  const said = `--acme-ca (VARVE_ACME_CA) is "${path}"`;
  const pem = await readFile(path, "utf8").catch((cause) => {
    throw new ConfigError(`${said}: ${cause.message}`, { cause });
  });
  if (isCertificate(pem)) return pem;
  throw new ConfigError(`${said}: want a file with a certificate in PEM form`);
}
