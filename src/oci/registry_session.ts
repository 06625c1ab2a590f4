import type { Readable } from "node:stream";
import { type Backoff, delayMs } from "../base/backoff.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import {
  type HttpClient,
  HttpError,
  type HttpRequest,
  type HttpResponse,
} from "../base/http_client.ts";
import { type Challenge, readChallenges } from "./challenge.ts";
import { type Credentials, OciError, type OciReason } from "./oci.ts";
import type { Reference } from "./reference.ts";

export interface SessionOptions {
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly chance: Chance;
  /** Whether a host, with its port, may be spoken to without encryption. */
  readonly isPlainAllowed: (host: string) => boolean;
  readonly reference: Reference;
  readonly credentials: Credentials | undefined;
  readonly signal: AbortSignal;
}

export interface Asked {
  /** Under the repository: "manifests/latest". */
  readonly path: string;
  readonly accept: string;
  readonly bodyBytesMax: number;
  /** What it means when the registry has no such thing. */
  readonly missing: OciReason;
  readonly method?: "GET" | "HEAD" | "POST" | "PUT";
  /** Where the registry has sent us, instead of the path. */
  readonly url?: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Made anew for each try. */
  readonly body?: () => Promise<Readable | Uint8Array>;
  /** Which answers are fine: 200 when left out. */
  readonly fine?: readonly number[];
}

interface Sent extends HttpRequest {
  readonly isElsewhere?: boolean;
}

const TRIES_MAX = 4;
const BACKOFF: Backoff = { firstMs: 500, mostMs: 5000 };
const WAIT_MS_MAX = 30_000;
const ANSWER_BYTES_MAX = 64 * 1024;
const PASSING = [408, 429, 500, 502, 503, 504];

/** One conversation with one registry: where it is, who we are, and another try. */
export class RegistrySession {
  readonly #options: SessionOptions;
  #address: Promise<string> | undefined;
  #authorization: string | undefined;
  #login: Promise<void> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /**
   * Asks for something of the repository and gives it to `use`, again if what went wrong may
   * pass, in `use` as well. Throws `OciError`, whose message says what the registry answered.
   */
  async ask<T>(asked: Asked, use: (response: HttpResponse) => Promise<T>): Promise<T> {
    const { clock, chance, signal } = this.#options;
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#askOnce(asked, use);
      } catch (thrown) {
        const passing = passingOf(thrown);
        if (passing === undefined) throw thrown;
        if (tries === TRIES_MAX) throw passing.told;
        const pause = delayMs(BACKOFF, tries - 1, chance);
        const waitMs = Math.min(Math.max(passing.waitMs, pause), WAIT_MS_MAX);
        await clock.sleep(waitMs, { signal });
      }
    }
  }

  async #askOnce<T>(asked: Asked, use: (response: HttpResponse) => Promise<T>): Promise<T> {
    this.#address ??= this.#findAddress();
    // The next try may find the registry where this one did not.
    const address = await this.#address.catch((thrown: unknown) => {
      this.#address = undefined;
      throw thrown;
    });
    const { repository } = this.#options.reference;
    const { method = "GET", url, fine = [200], body } = asked;
    const isElsewhere = url !== undefined && url.origin !== address;
    const send = async () =>
      await this.#send({
        method,
        url: url ?? `${address}/v2/${repository}/${asked.path}`,
        bodyBytesMax: asked.bodyBytesMax,
        headers: { accept: asked.accept, ...asked.headers },
        ...(body !== undefined && { body: await body() }),
        ...(isElsewhere && { isElsewhere }),
      });
    const used = this.#authorization;
    let response = await send();
    if (response.status === 401 && (await this.#logIn(response, used))) {
      await response.discard();
      response = await send();
    }
    if (fine.includes(response.status)) return await use(response);
    throw await refusalOf(response, asked.missing);
  }

  /** By https, unless only plain http is spoken there, and may be. */
  async #findAddress(): Promise<string> {
    const { reference, isPlainAllowed } = this.#options;
    const host = reference.host === "docker.io" ? "registry-1.docker.io" : reference.host;
    const secure = `https://${host}`;
    try {
      await (await this.#send({ url: `${secure}/v2/` })).discard();
      return secure;
    } catch (thrown) {
      const isElsewhere = thrown instanceof HttpError && thrown.reason === "Unreachable";
      if (!isElsewhere || !isPlainAllowed(host)) throw thrown;
    }
    const plain = `http://${host}`;
    await (await this.#send({ url: `${plain}/v2/` })).discard();
    return plain;
  }

  async #send({ isElsewhere = false, ...request }: Sent): Promise<HttpResponse> {
    const { http, signal, isPlainAllowed } = this.#options;
    // Only the registry itself may know who we are.
    const login = isElsewhere ? undefined : this.#authorization;
    return await http.send({
      ...request,
      headers: { ...request.headers, ...(login !== undefined && { authorization: login }) },
      mayFollow: ({ protocol, host }) => protocol === "https:" || isPlainAllowed(host),
      signal,
    });
  }

  /** Whether there is a login now that has not been tried. `used` is what was not enough. */
  async #logIn({ headers, url }: HttpResponse, used: string | undefined): Promise<boolean> {
    // Another request may have been here first, as many are under way at once.
    if (this.#authorization === used) {
      const challenges = readChallenges(headers["www-authenticate"] ?? "");
      this.#login ??= this.#tryLogIn(challenges, url).finally(() => {
        this.#login = undefined;
      });
      await this.#login;
    }
    return this.#authorization !== used;
  }

  async #tryLogIn(challenges: readonly Challenge[], url: URL): Promise<void> {
    const { credentials } = this.#options;
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer !== undefined) {
      this.#authorization = `Bearer ${await this.#token(bearer, url)}`;
    } else if (credentials !== undefined && challenges.some(({ scheme }) => scheme === "basic")) {
      this.#authorization = basic(credentials);
    }
  }

  async #token({ parameters }: Challenge, asker: URL): Promise<string> {
    const { reference, credentials, http, signal, isPlainAllowed } = this.#options;
    const { realm = "", service, scope } = parameters;
    const url = URL.parse(realm, asker.href);
    if (url === null || (url.protocol !== "https:" && !isPlainAllowed(url.host))) {
      const why = `it sends us for a token to "${realm}", which is not encrypted`;
      throw new OciError("UNAUTHORIZED", `${asker.host} cannot be used: ${why}`);
    }
    if (service !== undefined) url.searchParams.set("service", service);
    url.searchParams.set("scope", scope ?? `repository:${reference.repository}:pull`);
    const response = await http.send({
      url,
      bodyBytesMax: ANSWER_BYTES_MAX,
      headers: { ...(credentials !== undefined && { authorization: basic(credentials) }) },
      signal,
    });
    if (response.status !== 200) throw await refusalOf(response, "UNAUTHORIZED");
    const { token, access_token } = fieldsOf(await response.text());
    const found = token ?? access_token;
    if (typeof found === "string" && found !== "") return found;
    throw new OciError("UNAVAILABLE", `${url.host} gave no token`);
  }
}

/** What may be better at the next try, and how long to wait for it at least. */
class Passing extends Error {
  readonly told: OciError;
  readonly waitMs: number;

  constructor(told: OciError, waitMs: number) {
    super(told.message);
    this.told = told;
    this.waitMs = waitMs;
  }
}

function passingOf(thrown: unknown): Pick<Passing, "told" | "waitMs"> | undefined {
  if (thrown instanceof Passing) return thrown;
  if (!(thrown instanceof HttpError)) return undefined;
  const told = new OciError("UNAVAILABLE", thrown.message, { cause: thrown });
  if (thrown.reason === "Unreachable" || thrown.reason === "TimedOut") return { told, waitMs: 0 };
  throw told;
}

/** What an answer means that is not what we asked for, with the words of who gave it. */
async function refusalOf(response: HttpResponse, missing: OciReason): Promise<Error> {
  const { status, headers, url } = response;
  const words = wordsOf(await response.text().catch(() => ""));
  const from = `${url.host} answered ${status} to ${url.pathname}`;
  const said = `${from}${words === "" ? "" : `: ${words}`}`;
  if (PASSING.includes(status)) {
    const waitMs = Number(headers["retry-after"] ?? 0) * 1000;
    return new Passing(new OciError("UNAVAILABLE", said), Number.isNaN(waitMs) ? 0 : waitMs);
  }
  if (status === 404) return new OciError(missing, said);
  if (status === 403) return new OciError("DENIED", said);
  if (status !== 401) return new OciError("UNAVAILABLE", said);
  const how = "check the name, and give credentials if the image is not public";
  return new OciError("UNAUTHORIZED", `${said} (${how})`);
}

const WORDS_CHARS_MAX = 300;

/** `MANIFEST_UNKNOWN: manifest unknown` of the distribution API's errors; else the text itself. */
function wordsOf(body: string): string {
  const { errors, details } = fieldsOf(body);
  const first: unknown = Array.isArray(errors) ? errors[0] : { message: details };
  const { code, message } = fieldsOf(JSON.stringify(first ?? {}));
  const told = [code, message].filter((it) => typeof it === "string" && it !== "").join(": ");
  const words = told === "" && !/^\s*[<{]/.test(body) ? body.trim() : told;
  return words.length > WORDS_CHARS_MAX ? `${words.slice(0, WORDS_CHARS_MAX)}…` : words;
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
