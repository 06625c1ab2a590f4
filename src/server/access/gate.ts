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

type Known = Pick<Passing, "id"> & { readonly caller: Caller };

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

  /** Lets a request in, or throws the refusal: at once, when it can be said at once who it is. */
  admit(call: Call): Promise<void> | void {
    if (this.#deps.isPublic(call.path)) return;
    const passing = this.#begin(call);
    try {
      const caller = this.#deps.authenticator.callerOf(call);
      if (caller instanceof Promise) return this.#admitAfter(caller, call, passing);
      this.#check(caller, call, passing);
    } catch (thrown) {
      throw this.#refused(thrown, call, passing);
    }
  }

  /** Answers a request that was let in, as whoever sent it, and notes the outcome. */
  pass(call: Call, act: (caller: Caller) => Answer | Promise<Answer>): Answer | Promise<Answer> {
    if (this.#deps.isPublic(call.path)) return act(ANONYMOUS);
    const passing = this.#passing.get(call);
    const caller = passing?.caller;
    if (passing === undefined || caller === undefined) throw unauthorized();
    try {
      const answer = act(caller);
      if (answer instanceof Promise)
        return this.#passAfter(answer, call, { id: passing.id, caller });
      return this.#passed(answer, call, { id: passing.id, caller });
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

  async #passAfter(answering: Promise<Answer>, call: Call, passing: Known): Promise<Answer> {
    try {
      return this.#passed(await answering, call, passing);
    } catch (thrown) {
      this.failed(call, thrown);
      throw thrown;
    }
  }

  /** Throws when the answer would go on, and too many of theirs do. */
  #passed(whole: Answer, call: Call, { id, caller }: Known): Answer {
    const answer = isMaster(caller) ? whole : this.#streams.counted(caller.user, whole);
    this.#end(call, { code: answer.code, reason: undefined });
    return { ...answer, headers: { ...answer.headers, "audit-id": id } };
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

  async #admitAfter(
    knowing: Promise<Caller | undefined>,
    call: Call,
    passing: Passing,
  ): Promise<void> {
    try {
      this.#check(await knowing, call, passing);
    } catch (thrown) {
      throw this.#refused(thrown, call, passing);
    }
  }

  /** What to throw: who is not known, and has failed to be too often, is told to wait. */
  #refused(thrown: unknown, call: Call, passing: Passing): unknown {
    let told = thrown;
    try {
      if (passing.caller === undefined) this.#failures.take(call.address);
    } catch (tooMany) {
      told = tooMany;
    }
    this.failed(call, told);
    return told;
  }

  /** Throws unless the caller is known, and may. */
  #check(caller: Caller | undefined, call: Call, passing: Passing): void {
    const { access } = this.#deps.context;
    if (caller === undefined) throw nobody(call);
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

/** Who has shown nothing, or nothing that is known here. */
function nobody({ headers }: Call): ApiError {
  return bearerOf(headers.authorization) === undefined ? unauthorized() : unknownToken();
}

function unknownToken(): ApiError {
  const why = "the token is not known here; `kubectl create token` makes one for a ServiceAccount";
  return new ApiError("Unauthorized", `Unauthorized: ${why}`);
}

function unauthorized(): ApiError {
  const way = "the kubeconfig in Varve's home has a token: pass it as `Authorization: Bearer …`";
  return new ApiError("Unauthorized", `Unauthorized: ${way}`);
}
