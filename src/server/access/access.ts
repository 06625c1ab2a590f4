import { ApiError } from "../../api/error.ts";
import type { PolicyRule } from "../../api/rule.ts";
import { type Caller, isMaster } from "../context.ts";
import type { Attributes } from "./attributes.ts";

/** Whether somebody may do something, and by which right. */
export interface Decision {
  readonly isAllowed: boolean;
  readonly reason: string;
}

export interface HeldRules {
  readonly rules: readonly PolicyRule[];
  /** Bindings whose role is not there. */
  readonly problems: readonly string[];
}

/** Who may do what. Asked for each request, so it answers from memory. */
export interface Access {
  decide(caller: Caller, asked: Attributes): Decision;
  /** All that somebody may do in a namespace; everywhere when there is none. */
  rulesOf(caller: Caller, namespace?: string): HeldRules;
  /** Whether a role of this name is bound to somebody, in a namespace or everywhere. */
  hasRole(caller: Caller, name: string, namespace?: string): boolean;
}

/** Throws `Forbidden`, in the words that users of kubectl know, unless it is allowed. */
export function checkAllowed(access: Access | undefined, caller: Caller, asked: Attributes): void {
  // Administrators pay for no look into bindings.
  if (isMaster(caller)) return;
  const decision = access?.decide(caller, asked) ?? { isAllowed: false, reason: "" };
  if (!decision.isAllowed) throw refusalOf(caller, asked, decision.reason);
}

/** `services.serving.knative.dev "x" is forbidden: User "y" cannot get resource …`. */
export function refusalOf(caller: Caller, asked: Attributes, reason = ""): ApiError {
  const { resource, apiGroup = "", subresource, namespace, name, verb, path } = asked;
  const why = reason === "" ? "" : `: ${reason}`;
  const who = `User ${JSON.stringify(caller.user)} cannot ${verb}`;
  if (resource === undefined) {
    return new ApiError("Forbidden", `forbidden: ${who} path ${JSON.stringify(path)}${why}`);
  }
  const whole = subresource === undefined ? resource : `${resource}/${subresource}`;
  const title = apiGroup === "" ? resource : `${resource}.${apiGroup}`;
  const isOne = name !== undefined && name !== "";
  const place =
    namespace === undefined ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const message =
    `${title} ${isOne ? `${JSON.stringify(name)} ` : ""}is forbidden: ${who} ` +
    `resource "${whole}" in API group "${apiGroup}" ${place}${why}`;
  const group = apiGroup === "" ? {} : { group: apiGroup };
  const details = { ...(isOne && { name }), ...group, kind: resource };
  return new ApiError("Forbidden", message, { details });
}
