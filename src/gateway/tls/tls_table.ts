import { createHash } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import { type CertificateFacts, factsOf, type KeyPair } from "../../base/certificate.ts";
import type { Clock } from "../../base/clock.ts";
import type { Change } from "../protocol.ts";
import type { AlpnAnswerSpec, CertificateSpec, HttpAnswerSpec, TlsSpec } from "../route_table.ts";

interface Certificate {
  readonly spec: CertificateSpec;
  readonly facts: CertificateFacts;
  /** Made when the first client asks for it: most of ten thousand are not asked for today. */
  context: SecureContext | undefined;
}

export interface TlsTableOptions {
  /** The namespace whose Route has a host; nothing when none has. */
  readonly namespaceOf: (host: string) => string | undefined;
  readonly clock: Clock;
}

/** What a worker knows of TLS: certificates by the hosts they are good for. Holds secrets. */
export class TlsTable {
  readonly #options: TlsTableOptions;
  readonly #specs = new Map<string, TlsSpec>();
  readonly #byHost = new Map<string, readonly Certificate[]>();
  readonly #alpn = new Map<string, AlpnAnswerSpec>();
  readonly #http = new Map<string, HttpAnswerSpec>();
  readonly #own: Certificate[] = [];
  /** Called with what sessions are encrypted with from now on. */
  onTickets: (key: Buffer) => void = () => {};
  /** Called with the certificate for clients that name no host. */
  onDefault: (pair: KeyPair) => void = () => {};

  constructor(options: TlsTableOptions) {
    this.#options = options;
  }

  get ids(): readonly string[] {
    return [...this.#specs.keys()];
  }

  *changes(): Iterable<Change> {
    for (const putTls of this.#specs.values()) yield { putTls };
  }

  put(spec: TlsSpec): void {
    this.delete(spec.id);
    this.#specs.set(spec.id, spec);
    if (spec.is === "certificate") this.#add(spec);
    if (spec.is === "alpn") this.#alpn.set(spec.host, spec);
    if (spec.is === "http") this.#http.set(`${spec.host} ${spec.token}`, spec);
    if (spec.is === "tickets") this.onTickets(ticketKey(spec.secret));
  }

  delete(id: string): void {
    const spec = this.#specs.get(id);
    this.#specs.delete(id);
    if (spec?.is === "certificate") this.#remove(spec);
    if (spec?.is === "alpn") this.#alpn.delete(spec.host);
    if (spec?.is === "http") this.#http.delete(`${spec.host} ${spec.token}`);
  }

  /**
   * For a client that asks for this host: a certificate that is good now, before one that is not;
   * one of the namespace that has it, before one for all, before one of our own authority; and of
   * equals the one that is good for longest. When there is none, the first of our own: that client
   * would rather read an error than nothing.
   */
  contextFor(host: string): SecureContext | undefined {
    const { clock, namespaceOf } = this.#options;
    const namespace = namespaceOf(host);
    const nowMs = clock.now();
    const parent = `*${host.slice(host.indexOf("."))}`;
    let best: Certificate | undefined;
    for (const one of [...(this.#byHost.get(host) ?? []), ...(this.#byHost.get(parent) ?? [])]) {
      const { namespace: only } = one.spec;
      if (only !== undefined && namespace !== undefined && only !== namespace) continue;
      if (best === undefined || isBetter(one, best, nowMs)) best = one;
    }
    return contextOf(best ?? this.#own[0]);
  }

  /** Whether anybody may come to ask for proof over TLS, so that it is worth to look. */
  get hasAlpnAnswers(): boolean {
    return this.#alpn.size > 0;
  }

  alpnContextFor(host: string): SecureContext | undefined {
    const spec = this.#alpn.get(host);
    return spec && createSecureContext({ cert: spec.cert, key: spec.key });
  }

  get hasHttpAnswers(): boolean {
    return this.#http.size > 0;
  }

  hasHttpAnswersFor(host: string): boolean {
    return [...this.#http.values()].some((spec) => spec.host === host);
  }

  httpAnswer(host: string, token: string): string | undefined {
    return this.#http.get(`${host} ${token}`)?.answer;
  }

  #add(spec: CertificateSpec): void {
    const certificate: Certificate = { spec, facts: factsOf(spec.cert), context: undefined };
    for (const host of certificate.facts.hosts) {
      this.#byHost.set(host, [...(this.#byHost.get(host) ?? []), certificate]);
    }
    if (spec.isOwn !== true) return;
    this.#own.push(certificate);
    if (this.#own.length === 1) this.onDefault(spec);
  }

  #remove({ id, cert }: CertificateSpec): void {
    for (const host of factsOf(cert).hosts) {
      const rest = (this.#byHost.get(host) ?? []).filter(({ spec }) => spec.id !== id);
      if (rest.length > 0) this.#byHost.set(host, rest);
      else this.#byHost.delete(host);
    }
    const at = this.#own.findIndex(({ spec }) => spec.id === id);
    if (at < 0) return;
    this.#own.splice(at, 1);
    const [first] = this.#own;
    if (at === 0 && first !== undefined) this.onDefault(first.spec);
  }
}

function isBetter(one: Certificate, other: Certificate, nowMs: number): boolean {
  const [isGood, isOtherGood] = [one, other].map(({ facts }) => {
    return facts.notBeforeMs <= nowMs && nowMs < facts.notAfterMs;
  });
  if (isGood !== isOtherGood) return isGood === true;
  const [isOwn, isOtherOwn] = [one.spec.isOwn === true, other.spec.isOwn === true];
  if (isOwn !== isOtherOwn) return isOtherOwn;
  const [isOnly, isOtherOnly] = [one, other].map(({ spec }) => spec.namespace !== undefined);
  if (isOnly !== isOtherOnly) return isOnly === true;
  return one.facts.notAfterMs > other.facts.notAfterMs;
}

function contextOf(certificate: Certificate | undefined): SecureContext | undefined {
  if (certificate === undefined) return undefined;
  const { cert, key } = certificate.spec;
  certificate.context ??= createSecureContext({ cert, key, minVersion: "TLSv1.2" });
  return certificate.context;
}

/** Node wants 48 bytes: a name, and two keys. */
function ticketKey(secret: string): Buffer {
  return createHash("sha384").update(secret).digest();
}
