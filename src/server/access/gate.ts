import { ApiError, statusOf } from "../../api/error.ts";
import type { Answer, Call } from "../../base/call.ts";
import { type Authenticator, bearerOf } from "../authentication.ts";
import { mediaType } from "../body.ts";
import { type Caller, isMaster, type ServerContext } from "../context.ts";
import { checkAllowed } from "./access.ts";
import { type Attributes, attributesOf } from "./attributes.ts";
import type { Audit, AuditEntry } from "./audit.ts";
import { actingAs } from "./impersonation.ts";
import { OpenStreams } from "./open_streams.ts";
import { Rates } from "./rates.ts";

export interface GateDeps {
  readonly context: ServerContext;
  readonly authenticator: Authenticator;
  readonly audit?: Audit | undefined;
  /** What one user may ask a second; administrators may more. Nothing is no limit. */
  readonly requestsPerSecond?: number | undefined;
  /** How many answers that go on one user may have open; nothing, or 0, is no limit. */
  readonly streamsPerUser?: number | undefined;
  /** Paths that anybody may get. */
  readonly isPublic: (path: string) => boolean;
}

/** Failed logins of one address: enough for mistakes, and not for guessing. */
const FAILURES = { perSecond: 5, burst: 50 };
/** How many may come at once, as a multiple of those a second. */
const BURST = 2;

/** Whoever asks for what is public. */
const ANONYMOUS: Caller = { user: "system:anonymous", groups: ["system:unauthenticated"] };

/** One request on its way through. */
interface Passing {
  readonly id: string;
  readonly time: string;
  readonly startMs: number;
  readonly asked: Attributes;
  caller?: Caller;
  impersonator?: Caller;
  decision: AuditEntry["decision"];
}

/**
 * Where every request comes in: finds out who it is, whether they may, and how often they have;
 * and writes down what came of it. Before the body is read, so that nobody unknown can send one.
 */
export class Gate {
  readonly #deps: GateDeps;
  readonly #rates: Rates;
  readonly #failures: Rates;
  readonly #streams: OpenStreams;
  readonly #passing = new WeakMap<Call, Passing>();

  constructor(deps: GateDeps) {
    this.#deps = deps;
    const { requestsPerSecond: perSecond = 0, context } = deps;
    this.#rates = new Rates({ perSecond, burst: perSecond * BURST }, context.clock);
    this.#failures = new Rates(FAILURES, context.clock);
    this.#streams = new OpenStreams(deps.streamsPerUser ?? 0);
  }

  /** Lets a request in, or throws the refusal. */
  async admit(call: Call): Promise<void> {
    if (this.#deps.isPublic(call.path)) return;
    const passing = this.#begin(call);
    try {
      await this.#check(call, passing);
    } catch (thrown) {
      const { code, reason } = statusOf(thrown);
      this.#end(call, { code, reason });
      throw thrown;
    }
  }

  /** Answers a request that was let in, as whoever sent it, and notes the outcome. */
  async pass(call: Call, act: (caller: Caller) => Answer | Promise<Answer>): Promise<Answer> {
    if (this.#deps.isPublic(call.path)) return await act(ANONYMOUS);
    const passing = this.#passing.get(call);
    if (passing?.caller === undefined) throw unauthorized();
    try {
      const { caller } = passing;
      const whole = await act(caller);
      const answer = isMaster(caller) ? whole : this.#streams.counted(caller.user, whole);
      this.#end(call, { code: answer.code, reason: undefined });
      const headers = { ...answer.headers, "audit-id": passing.id };
      return { ...answer, headers };
    } catch (thrown) {
      this.failed(call, thrown);
      throw thrown;
    }
  }

  /** Notes that a request failed, wherever it was. The second time it does nothing. */
  failed(call: Call, thrown: unknown): void {
    const { code, reason } = statusOf(thrown);
    this.#end(call, { code, reason });
  }

  #begin(call: Call): Passing {
    const { clock, chance } = this.#deps.context;
    const passing: Passing = {
      id: chance.uuid(),
      time: clock.timestamp(),
      startMs: clock.elapsed(),
      asked: attributesOf(call),
      decision: "unauthenticated",
    };
    this.#passing.set(call, passing);
    return passing;
  }

  async #check(call: Call, passing: Passing): Promise<void> {
    const { access } = this.#deps.context;
    const caller = await this.#callerOf(call);
    passing.caller = caller;
    passing.decision = "limited";
    if (!isMaster(caller)) this.#rates.take(caller.user);
    passing.decision = "forbid";
    const acting = actingAs(call, caller, access);
    if (acting !== caller) {
      passing.impersonator = caller;
      passing.caller = acting;
    }
    checkAllowed(access, acting, passing.asked);
    this.#checkApply(call, acting, passing.asked);
    passing.decision = "allow";
  }

  async #callerOf(call: Call): Promise<Caller> {
    const { authenticator } = this.#deps;
    try {
      const known = authenticator.callerOf(call);
      const caller = known instanceof Promise ? await known : known;
      if (caller !== undefined) return caller;
    } catch (thrown) {
      this.#failures.take(call.address);
      throw thrown;
    }
    this.#failures.take(call.address);
    const isSaid = bearerOf(call.headers.authorization) !== undefined;
    throw isSaid ? unknownToken() : unauthorized();
  }

  /** Who applies what is not there makes it. */
  #checkApply(call: Call, caller: Caller, asked: Attributes): void {
    const isApply = asked.verb === "patch" && mediaType(call.headers).includes("apply-patch");
    if (!isApply || isMaster(caller) || asked.subresource !== undefined) return;
    const { access, kinds, store } = this.#deps.context;
    const { resource, apiGroup, apiVersion, namespace, name = "" } = asked;
    const type = apiGroup === "" ? apiVersion : `${apiGroup}/${apiVersion}`;
    const kind = kinds.find((it) => it.plural === resource && it.apiVersion === type);
    if (kind === undefined || store.get(kind, { namespace, name }) !== undefined) return;
    checkAllowed(access, caller, { ...asked, verb: "create" });
  }

  #end(call: Call, { code, reason }: Pick<AuditEntry, "code" | "reason">): void {
    const passing = this.#passing.get(call);
    const { audit, context } = this.#deps;
    if (passing === undefined) return;
    this.#passing.delete(call);
    const { startMs, caller, impersonator, ...rest } = passing;
    const tookMs = context.clock.elapsed() - startMs;
    audit?.({ ...rest, caller, impersonator, address: call.address, code, reason, tookMs });
  }
}

function unknownToken(): ApiError {
  const why = "the token is not known here; `kubectl create token` makes one for a ServiceAccount";
  return new ApiError("Unauthorized", `Unauthorized: ${why}`);
}

function unauthorized(): ApiError {
  const way = "the kubeconfig in Varve's home has a token: pass it as `Authorization: Bearer …`";
  return new ApiError("Unauthorized", `Unauthorized: ${way}`);
}
