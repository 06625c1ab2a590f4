import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { type KeyPair, makeHostRequest } from "./certificate.ts";
import type { Clock } from "./clock.ts";
import type { HttpClient, HttpResponse } from "./http_client.ts";

/** How one who issues certificates is shown that a host is ours. */
export type ChallengeType = "http-01" | "tls-alpn-01";

export interface Challenge {
  readonly type: ChallengeType;
  readonly host: string;
  readonly token: string;
  /** What is to be shown: as it is over HTTP, its SHA-256 over TLS. */
  readonly answer: string;
}

/** What the authority, or its network, did not do for us. */
export class AcmeError extends Error {
  override readonly name = "AcmeError";
  /** It asks to be left alone for so long. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryAfterMs?: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

export interface AcmeOptions {
  /** The directory of the authority. */
  readonly url: string;
  readonly http: HttpClient;
  readonly clock: Clock;
  /** Of the account: a private key for ES256, in PEM form. */
  readonly accountKey: string;
  readonly email?: string | undefined;
}

export interface OrderOptions {
  readonly type: ChallengeType;
  /** Has the answer shown; disposing takes it back. */
  readonly prove: (challenge: Challenge) => Promise<AsyncDisposable>;
  readonly signal?: AbortSignal;
}

interface Directory {
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
}

interface Authorization {
  readonly status: string;
  readonly identifier: { readonly value: string };
  readonly challenges: readonly {
    readonly type: string;
    readonly url: string;
    readonly token: string;
    readonly error?: { readonly detail?: string };
  }[];
}

interface Order {
  readonly status: string;
  readonly authorizations: readonly string[];
  readonly finalize: string;
  readonly certificate?: string;
  readonly error?: { readonly detail?: string };
}

interface Said {
  readonly response: HttpResponse;
  readonly text: string;
}

const POLL_MS = 1_000;
const POLLS_MAX = 60;
const NONCE_TRIES_MAX = 10;
const RATE_LIMITED_MS = 3_600_000;

/** A client of ACME (RFC 8555): one account with one authority. */
export class AcmeClient {
  readonly #options: AcmeOptions;
  readonly #key: KeyObject;
  readonly #jwk: {
    readonly crv: string;
    readonly kty: string;
    readonly x: string;
    readonly y: string;
  };
  #directory: Directory | undefined;
  #account: string | undefined;
  #nonce: string | undefined;

  constructor(options: AcmeOptions) {
    this.#options = options;
    this.#key = createPrivateKey(options.accountKey);
    const {
      crv = "",
      kty = "",
      x = "",
      y = "",
    } = createPublicKey(this.#key).export({
      format: "jwk",
    });
    this.#jwk = { crv, kty, x, y };
  }

  /** Gets a certificate for hosts, with a new key. Throws `AcmeError` in the authority's words. */
  async order(hosts: readonly string[], options: OrderOptions): Promise<KeyPair> {
    const { newOrder } = await this.#begin();
    const identifiers = hosts.map((value) => ({ type: "dns", value }));
    const placed = await this.#post(newOrder, { identifiers });
    const url = locationOf(placed);
    const order = read<Order>(placed);
    for (const authorization of order.authorizations) await this.#authorize(authorization, options);
    const { csr, key } = await makeHostRequest(hosts);
    await this.#post(order.finalize, { csr: Buffer.from(csr).toString("base64url") });
    const done = await this.#poll<Order>(url, ({ status }) => status === "valid", options);
    if (done.certificate === undefined)
      throw new AcmeError("the order is done without certificate");
    const { text: cert } = await this.#post(done.certificate, undefined);
    return { cert, key };
  }

  async #begin(): Promise<Directory> {
    const { http, url, email } = this.#options;
    if (this.#directory === undefined) {
      const response = await http.send({ url });
      const text = await response.text();
      if (response.status !== 200) throw new AcmeError(`${url} answers ${response.status}`);
      this.#directory = JSON.parse(text) as Directory;
    }
    if (this.#account === undefined) {
      const contact = email === undefined ? {} : { contact: [`mailto:${email}`] };
      const { newAccount } = this.#directory;
      const said = await this.#post(newAccount, { termsOfServiceAgreed: true, ...contact });
      this.#account = locationOf(said);
    }
    return this.#directory;
  }

  async #authorize(url: string, options: OrderOptions): Promise<void> {
    const { status, identifier, challenges } = read<Authorization>(
      await this.#post(url, undefined),
    );
    if (status === "valid") return;
    const { type, prove } = options;
    const challenge = challenges.find((it) => it.type === type);
    if (challenge === undefined) {
      const offered = challenges.map((it) => it.type).join(", ");
      throw new AcmeError(`it offers no ${type} for "${identifier.value}", but ${offered}`);
    }
    const { token } = challenge;
    const answer = `${token}.${this.#thumbprint()}`;
    await using _shown = await prove({ type, host: identifier.value, token, answer });
    await this.#post(challenge.url, {});
    await this.#poll<Authorization>(url, (it) => it.status === "valid", options);
  }

  async #poll<T extends Order | Authorization>(
    url: string,
    isDone: (state: T) => boolean,
    { signal }: OrderOptions,
  ): Promise<T> {
    const { clock } = this.#options;
    for (let poll = 0; poll < POLLS_MAX; poll += 1) {
      const said = await this.#post(url, undefined);
      const state = read<T>(said);
      if (isDone(state)) return state;
      if (state.status === "invalid") throw new AcmeError(whyInvalid(state));
      await clock.sleep(retryAfterOf(said.response, clock) ?? POLL_MS, signal ? { signal } : {});
    }
    throw new AcmeError(`it has not decided within ${(POLLS_MAX * POLL_MS) / 1_000} seconds`);
  }

  /** Nothing as payload asks for what is there. A nonce that has run out is replaced. */
  async #post(url: string, payload: object | undefined): Promise<Said> {
    for (let attempt = 1; ; attempt += 1) {
      const nonce = await this.#takeNonce();
      const body = this.#signed(url, nonce, payload);
      const headers = { "content-type": "application/jose+json" };
      const response = await this.#options.http.send({ method: "POST", url, headers, body });
      const text = await response.text();
      this.#nonce = response.headers["replay-nonce"];
      if (response.status < 400) return { response, text };
      const { type = "", detail = text.slice(0, 200) } = problemOf(text);
      if (type.endsWith(":badNonce") && attempt < NONCE_TRIES_MAX) continue;
      // It is made anew at the next order: an authority may forget accounts.
      if (type.endsWith(":accountDoesNotExist")) this.#account = undefined;
      const isLimited = type.endsWith(":rateLimited") || response.status === 429;
      const after = retryAfterOf(response, this.#options.clock);
      throw new AcmeError(detail, after ?? (isLimited ? RATE_LIMITED_MS : undefined));
    }
  }

  async #takeNonce(): Promise<string> {
    const kept = this.#nonce;
    this.#nonce = undefined;
    if (kept !== undefined) return kept;
    const { newNonce: url = "" } = this.#directory ?? {};
    const response = await this.#options.http.send({ method: "HEAD", url });
    await response.discard();
    const nonce = response.headers["replay-nonce"];
    if (nonce === undefined) throw new AcmeError(`${url} gives no nonce`);
    return nonce;
  }

  #signed(url: string, nonce: string, payload: object | undefined): string {
    const who = this.#account === undefined ? { jwk: this.#jwk } : { kid: this.#account };
    const head = encoded(JSON.stringify({ alg: "ES256", nonce, url, ...who }));
    const body = payload === undefined ? "" : encoded(JSON.stringify(payload));
    const key = { key: this.#key, dsaEncoding: "ieee-p1363" } as const;
    const signature = sign("sha256", Buffer.from(`${head}.${body}`), key).toString("base64url");
    return JSON.stringify({ protected: head, payload: body, signature });
  }

  /** Of the account's key, whose members stand in the order of the alphabet (RFC 7638). */
  #thumbprint(): string {
    return createHash("sha256").update(JSON.stringify(this.#jwk)).digest("base64url");
  }
}

function encoded(text: string): string {
  return Buffer.from(text).toString("base64url");
}

function read<T>({ text }: Said): T {
  return JSON.parse(text) as T;
}

function locationOf({ response }: Said): string {
  const { location } = response.headers;
  if (location === undefined) throw new AcmeError("its answer has no Location");
  return location;
}

function whyInvalid(state: Order | Authorization): string {
  const errors = "challenges" in state ? state.challenges.map(({ error }) => error) : [state.error];
  const detail = errors.find((error) => error?.detail !== undefined)?.detail;
  return detail ?? "it refused without a reason";
}

function problemOf(text: string): { readonly type?: string; readonly detail?: string } {
  try {
    return JSON.parse(text) as { type?: string; detail?: string };
  } catch {
    return {};
  }
}

function retryAfterOf({ headers }: HttpResponse, clock: Clock): number | undefined {
  const { "retry-after": value } = headers;
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - clock.now();
  return Number.isNaN(ms) ? undefined : Math.max(ms, POLL_MS);
}
