import { join } from "node:path";
import { DOMAIN_MAPPING, type DomainMapping } from "../api/domain_mapping.ts";
import { LABEL } from "../api/labels.ts";
import { isGoing, type ObjectKey, pathOf } from "../api/meta.ts";
import { ROUTE } from "../api/route.ts";
import { SECRET, type Secret } from "../api/secret.ts";
import {
  type CertificateFacts,
  factsOf,
  type KeyPair,
  problemOfPair,
} from "../base/certificate.ts";
import { type Clock, every, timestampOf } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Cache } from "../client/client.ts";
import type { Recorder } from "../control/recorder.ts";
import type { Fleet } from "../gateway/fleet.ts";
import type { Gateway } from "../gateway/route_table.ts";
import type { CertificateState, CoverOptions, RouteTls } from "../reconcilers/route/tls.ts";
import type { Config } from "./config.ts";
import { hostsOf, pairFor } from "./credentials.ts";
import type { Part } from "./start_all.ts";

/** Gets certificates of an authority that clients trust. */
export interface Issuer extends Part {
  /**
   * Asks for one for this host, unless it is asked for already, or there is one that lasts; answers
   * how that stands, and nothing where there is nothing to ask.
   */
  want(host: string, route: ObjectKey): CertificateState | undefined;
}

export interface HostCertificatesDeps {
  readonly config: Config;
  /** Where those of our own authority are kept. */
  readonly directory: string;
  readonly authority: KeyPair;
  readonly cache: Cache;
  readonly gateway: Gateway & Pick<Fleet, "tlsAddress">;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly log: Log;
}

interface Own {
  readonly hosts: readonly string[];
  readonly served: Promise<void>;
}

interface Given extends CertificateFacts {
  readonly secret: Secret;
  readonly namespace: string;
}

const TLS_TYPE = "kubernetes.io/tls";
const RENEW_MS = 24 * 3_600_000;
/** How often those of others are looked over for their age. */
const AGE_MS = 3_600_000;
/** One is old when a third of its life is left, whether that is three months or six days. */
const LIFE_PARTS = 3;

/**
 * Tells the gateway the certificates of hosts: those in Secrets that say that they are for it, and
 * for all else those that our own authority signs, one for each namespace.
 */
export class HostCertificates implements Part, RouteTls {
  readonly #deps: HostCertificatesDeps;
  readonly #given = new Map<string, Given>();
  /** Why those of others are not served that should be. */
  readonly #refused = new Map<string, string>();
  /** Which Secret each mapping names. */
  readonly #named = new Map<string, string>();
  /** Those of our own authority, by name: their hosts, and when the gateway has them. */
  readonly #own = new Map<string, Own>();
  /** What each Route has, by its path. */
  readonly #covered = new Map<string, readonly string[]>();
  readonly #wakes = new Set<(key: ObjectKey) => void>();
  #issuer: Issuer | undefined;
  #started = new DisposableStack();

  constructor(deps: HostCertificatesDeps) {
    this.#deps = deps;
  }

  /** Who is asked for certificates; without, our own authority has to do. */
  set issuer(issuer: Issuer) {
    this.#issuer = issuer;
  }

  async start(): Promise<void> {
    const { cache, config, clock } = this.#deps;
    for (const { metadata, spec } of cache.lister(DOMAIN_MAPPING).list()) {
      if (spec.tls !== undefined) this.#named.set(pathOf(metadata), spec.tls.secretName);
    }
    await this.#sign("default-names", "varve", hostsOf(config.tlsGateway?.host ?? "localhost"));
    await Promise.all(
      cache
        .lister(SECRET)
        .list()
        .map((secret) => this.#look(secret, false)),
    );
    this.#started.use(
      cache.watch((changed, isGone) => {
        if (changed.kind === SECRET.kind) void this.#look(changed as Secret, isGone);
        if (changed.kind === DOMAIN_MAPPING.kind) this.#follow(changed as DomainMapping, isGone);
      }),
    );
    this.#started.use(every(clock, RENEW_MS, () => this.#renew()));
    this.#started.use(every(clock, AGE_MS, () => this.#wakeOld()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#started.dispose();
  }

  get port(): number {
    return this.#deps.gateway.tlsAddress?.port ?? 443;
  }

  get httpProtocol(): "enabled" | "redirected" {
    return this.#deps.config.tls.httpProtocol;
  }

  get hstsSeconds(): number {
    return this.#deps.config.tls.hstsSeconds;
  }

  get source(): RouteTls["source"] {
    return (wake) => {
      this.#wakes.add(wake);
      return { [Symbol.dispose]: () => void this.#wakes.delete(wake) };
    };
  }

  async cover(
    hosts: readonly string[],
    options: CoverOptions,
  ): Promise<readonly CertificateState[]> {
    const { domain } = this.#deps.config;
    const { namespace = "default" } = options.route;
    this.#covered.set(pathOf(options.route), options.isPublic ? hosts : []);
    const ends = [domain, "svc.cluster.local", "svc"];
    const wild = ends.map((end) => `*.${namespace}.${end}`);
    await this.#sign(`namespace-${namespace}`, `*.${namespace}.${domain}`, wild);
    const states = hosts.map(async (host) => {
      const state = this.stateOf(host, options);
      if (state.is !== "given" && !wild.some((pattern) => isMatch(pattern, host))) {
        await this.#sign(`host-${host}`, host, [host]);
      }
      return state;
    });
    return await Promise.all(states);
  }

  stateOf(host: string, { route, isPublic }: CoverOptions): CertificateState {
    const { namespace = "default" } = route;
    const key = { namespace, name: host };
    const secret = this.#deps.cache.lister(DOMAIN_MAPPING).get(key)?.spec.tls?.secretName;
    if (secret !== undefined) return this.#stateOf({ namespace, name: secret }, host);
    const issued = isPublic ? this.#issuer?.want(host, route) : undefined;
    return this.#isGiven(host, namespace) ? { is: "given" } : (issued ?? { is: "own" });
  }

  release(route: ObjectKey): void {
    this.#covered.delete(pathOf(route));
  }

  /** Whether this Route still has this host. */
  isCovered(host: string, route: ObjectKey): boolean {
    return this.#covered.get(pathOf(route))?.includes(host) ?? false;
  }

  /** "namespace/host" of all hosts that Routes have now, and an authority may be asked for. */
  covered(): ReadonlySet<string> {
    const hostsIn = ([path, hosts]: readonly [string, readonly string[]]) => {
      return hosts.map((host) => `${path.slice(0, path.indexOf("/"))}/${host}`);
    };
    return new Set([...this.#covered].flatMap(hostsIn));
  }

  /** Wakes the Routes of a namespace. */
  wake(namespace: string): void {
    for (const { metadata } of this.#deps.cache.lister(ROUTE).list(namespace)) {
      for (const wake of this.#wakes) wake(metadata);
    }
  }

  /** Whether there is one that is not old yet, so that none is to be asked for. */
  isFresh(host: string, namespace: string): boolean {
    return this.#givenFor(host, namespace).some((it) => !this.#isOld(it));
  }

  #isOld({ notBeforeMs, notAfterMs }: Given): boolean {
    return this.#deps.clock.now() >= notAfterMs - (notAfterMs - notBeforeMs) / LIFE_PARTS;
  }

  #isGiven(host: string, namespace: string): boolean {
    return this.#givenFor(host, namespace).some((it) => this.#isGood(it));
  }

  #isGood({ notBeforeMs, notAfterMs }: Given): boolean {
    const now = this.#deps.clock.now();
    return notBeforeMs <= now && now < notAfterMs;
  }

  /** Of the one Secret that is said to have the certificate of a host. */
  #stateOf(secret: ObjectKey, host: string): CertificateState {
    const id = idOf(secret);
    const given = this.#given.get(id);
    const isForHost = given?.hosts.some((pattern) => isMatch(pattern, host)) ?? false;
    if (given !== undefined && isForHost && this.#isGood(given)) return { is: "given" };
    const why =
      this.#refused.get(id) ??
      (given === undefined ? "there is no such Secret" : whyNotNow(given, isForHost));
    const message = `Secret "${secret.name}" has no certificate for "${host}": ${why}`;
    return { is: "failed", message };
  }

  /** Looks at the Secret that a mapping names, and at the one that it does not name any more. */
  #follow({ metadata, spec }: DomainMapping, isGone: boolean): void {
    const { namespace = "default" } = metadata;
    const path = pathOf(metadata);
    const before = this.#named.get(path);
    const now = isGone ? undefined : spec.tls?.secretName;
    if (before === now) return;
    if (now === undefined) this.#named.delete(path);
    else this.#named.set(path, now);
    for (const name of [before, now]) {
      const secret = name && this.#deps.cache.lister(SECRET).get({ namespace, name });
      if (secret) void this.#look(secret, false);
    }
  }

  #givenFor(host: string, namespace: string): readonly Given[] {
    return [...this.#given.values()].filter((it) => {
      return it.namespace === namespace && it.hosts.some((pattern) => isMatch(pattern, host));
    });
  }

  async #look(secret: Secret, isGone: boolean): Promise<void> {
    const { gateway, recorder, log } = this.#deps;
    const { metadata } = secret;
    const { namespace = "default" } = metadata;
    const path = pathOf(metadata);
    const id = idOf(metadata);
    try {
      if (isGone || isGoing(secret) || !this.#isMeant(secret)) {
        if (!this.#refused.delete(id) && !this.#given.has(id)) return;
        this.#given.delete(id);
        await gateway.deleteTls(id);
      } else {
        const pair = pairIn(secret);
        const facts = factsOf(pair.cert);
        const lack = whyOfNoUse(facts, this.#deps.clock.now());
        if (lack !== undefined) throw new Error(lack);
        await gateway.putTls({ is: "certificate", id, namespace, ...pair });
        this.#given.set(id, { secret, namespace, ...facts });
        this.#refused.delete(id);
      }
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      this.#refused.set(id, why);
      const message = `Cannot serve the certificate of Secret "${metadata.name}": ${why}`;
      recorder.record(secret, { type: "Warning", reason: "CertificateNotServed", message });
      log.warn({ secret: path, why }, "a certificate cannot be served");
      if (this.#given.delete(id)) await gateway.deleteTls(id).catch(() => {});
    }
    this.wake(namespace);
  }

  /** It says so itself, or a DomainMapping says it. */
  #isMeant({ metadata }: Secret): boolean {
    if (metadata.labels?.[LABEL.certificate] === "true") return true;
    const mappings = this.#deps.cache.lister(DOMAIN_MAPPING).list(metadata.namespace);
    return mappings.some(({ spec }) => spec.tls?.secretName === metadata.name);
  }

  /** Has our own authority sign one, once for all who ask; resolves when it is served. */
  #sign(name: string, title: string, hosts: readonly string[]): Promise<void> {
    const known = this.#own.get(name);
    if (known !== undefined && known.hosts.join() === hosts.join()) return known.served;
    const served = this.#signAnew(name, title, hosts);
    this.#own.set(name, { hosts, served });
    served.catch(() => this.#own.delete(name));
    return served;
  }

  async #signAnew(name: string, title: string, hosts: readonly string[]): Promise<void> {
    const { directory, authority, gateway, clock } = this.#deps;
    const options = { name: join("hosts", name), title, hosts, issuer: authority };
    const pair = await pairFor(options, { directory, clock });
    await gateway.putTls({ is: "certificate", id: `own/${name}`, isOwn: true, ...pair });
  }

  /** Nothing else tells a Route that time has passed. */
  #wakeOld(): void {
    const old = [...this.#given.values()].filter((it) => this.#isOld(it));
    for (const it of old) if (!this.#isGood(it)) void this.#look(it.secret, false);
    for (const namespace of new Set(old.map((it) => it.namespace))) this.wake(namespace);
  }

  async #renew(): Promise<void> {
    for (const [name, { hosts }] of [...this.#own]) {
      await this.#signAnew(name, hosts[0] ?? name, hosts);
    }
  }
}

function idOf(secret: ObjectKey): string {
  return `secret/${pathOf(secret)}`;
}

/** What a Secret holds. Throws what is wrong, and repeats nothing of it. */
function pairIn({ type, data = {} }: Secret): KeyPair {
  if (type !== TLS_TYPE) {
    throw new Error(
      `its type is "${type}", not "${TLS_TYPE}": kubectl create secret tls makes one`,
    );
  }
  const text = (key: string) => Buffer.from(data[key] ?? "", "base64").toString("utf8");
  const pair = { cert: text("tls.crt"), key: text("tls.key") };
  const problem = problemOfPair(pair);
  if (problem !== undefined) throw new Error(problem);
  return pair;
}

function whyOfNoUse({ hosts, notAfterMs }: CertificateFacts, nowMs: number): string | undefined {
  if (hosts.length === 0) {
    return "the certificate is for no host: clients look for names in subjectAltName alone";
  }
  if (notAfterMs > nowMs) return undefined;
  return `the certificate ran out on ${timestampOf(notAfterMs)}`;
}

function whyNotNow({ hosts, notBeforeMs }: Given, isForHost: boolean): string {
  if (!isForHost) return `it is for ${hosts.join(", ")}`;
  return `it is not good before ${timestampOf(notBeforeMs)}`;
}

/** Whether a name of a certificate, which may begin with a star for one label, is this host. */
function isMatch(pattern: string, host: string): boolean {
  if (!pattern.startsWith("*.")) return pattern === host;
  return host.indexOf(".") > 0 && host.slice(host.indexOf(".")) === pattern.slice(1);
}
