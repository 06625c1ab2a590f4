import { join } from "node:path";
import { LABEL } from "../api/labels.ts";
import { isGoing, type ObjectKey, pathOf } from "../api/meta.ts";
import { ROUTE } from "../api/route.ts";
import { SECRET, type Secret } from "../api/secret.ts";
import { factsOf, type KeyPair } from "../base/certificate.ts";
import { type Clock, every } from "../base/clock.ts";
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
  want(host: string, namespace: string): CertificateState | undefined;
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

interface Given {
  readonly namespace: string;
  readonly hosts: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
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
  /** Those of our own authority, by name: their hosts, and when the gateway has them. */
  readonly #own = new Map<string, Own>();
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
    { namespace, isPublic }: CoverOptions,
  ): Promise<readonly CertificateState[]> {
    const { domain } = this.#deps.config;
    const ends = [domain, "svc.cluster.local", "svc"];
    const wild = ends.map((end) => `*.${namespace}.${end}`);
    await this.#sign(`namespace-${namespace}`, `*.${namespace}.${domain}`, wild);
    const states = hosts.map(async (host) => {
      const issued = isPublic ? this.#issuer?.want(host, namespace) : undefined;
      if (this.#isGiven(host, namespace)) return { is: "given" } as const;
      if (!wild.some((pattern) => isMatch(pattern, host))) {
        await this.#sign(`host-${host}`, host, [host]);
      }
      return issued ?? ({ is: "own" } as const);
    });
    return await Promise.all(states);
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
    const now = this.#deps.clock.now();
    return this.#givenFor(host, namespace).some(({ notAfterMs }) => notAfterMs > now);
  }

  #givenFor(host: string, namespace: string): readonly Given[] {
    return [...this.#given.values()].filter((it) => {
      return it.namespace === namespace && it.hosts.some((pattern) => isMatch(pattern, host));
    });
  }

  async #look(secret: Secret, isGone: boolean): Promise<void> {
    const { gateway, recorder, log } = this.#deps;
    const { metadata, type, data = {} } = secret;
    const { namespace = "default" } = metadata;
    const path = pathOf(metadata);
    const id = `secret/${path}`;
    const isMeant = type === TLS_TYPE && metadata.labels?.[LABEL.certificate] === "true";
    try {
      if (isGone || !isMeant || isGoing(secret)) {
        if (!this.#given.delete(id)) return;
        await gateway.deleteTls(id);
      } else {
        const text = (key: string) => Buffer.from(data[key] ?? "", "base64").toString("utf8");
        const pair = { cert: text("tls.crt"), key: text("tls.key") };
        await gateway.putTls({ is: "certificate", id, namespace, ...pair });
        this.#given.set(id, { namespace, ...factsOf(pair.cert) });
      }
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      recorder.record(secret, { type: "Warning", reason: "CertificateNotServed", message: why });
      log.warn({ secret: path, why }, "a certificate cannot be served");
      if (this.#given.delete(id)) await gateway.deleteTls(id).catch(() => {});
    }
    this.wake(namespace);
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
    for (const namespace of new Set(old.map((it) => it.namespace))) this.wake(namespace);
  }

  async #renew(): Promise<void> {
    for (const [name, { hosts }] of [...this.#own]) {
      await this.#signAnew(name, hosts[0] ?? name, hosts);
    }
  }
}

/** Whether a name of a certificate, which may begin with a star for one label, is this host. */
function isMatch(pattern: string, host: string): boolean {
  if (!pattern.startsWith("*.")) return pattern === host;
  return host.indexOf(".") > 0 && host.slice(host.indexOf(".")) === pattern.slice(1);
}
