import { ApiError } from "../../api/error.ts";
import { accountOfUser, groupsOfAccount } from "../../api/service_account.ts";
import type { Call } from "../../base/call.ts";
import { authenticated } from "../authentication.ts";
import { type Caller, isMaster } from "../context.ts";
import { type Access, checkAllowed } from "./access.ts";
import type { Attributes } from "./attributes.ts";

const EXTRA = "impersonate-extra-";
const AUTHENTICATION = "authentication.k8s.io";

/** As whom somebody wants to act: by Kubernetes' headers, such as those of `kubectl --as`. */
interface Wanted {
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Who acts: the caller, or whom they may act as. Throws `Forbidden` when they may not. */
export function actingAs(call: Call, caller: Caller, access: Access | undefined): Caller {
  const wanted = wantedIn(call);
  if (wanted === undefined) return caller;
  if (!isMaster(caller)) {
    for (const asked of askedBy(wanted)) checkAllowed(access, caller, asked);
  }
  const { user, uid, groups, extra } = wanted;
  const account = accountOfUser(user);
  const own =
    groups.length === 0 && account !== undefined
      ? groupsOfAccount(account.namespace ?? "")
      : groups;
  const acting: Caller = {
    user,
    groups: own,
    ...(uid !== "" && { uid }),
    ...(Object.keys(extra).length > 0 && { extra }),
  };
  const isAnonymous = user === "system:anonymous" || own.includes("system:unauthenticated");
  return isAnonymous ? acting : authenticated(acting);
}

function wantedIn(call: Call): Wanted | undefined {
  const { headers } = call;
  const user = String(headers["impersonate-user"] ?? "");
  const uid = String(headers["impersonate-uid"] ?? "");
  const groups = call.all("impersonate-group");
  const keys = Object.keys(headers).filter((name) => name.startsWith(EXTRA));
  if (user === "" && uid === "" && groups.length === 0 && keys.length === 0) return undefined;
  if (user === "") {
    const rule = "a group, a uid or an extra is impersonated only together with a user";
    throw new ApiError("BadRequest", `Impersonate-User is missing: ${rule}`);
  }
  const extra = keys.map((key) => [keyIn(key), call.all(key)]);
  return { user, uid, groups, extra: Object.fromEntries(extra) };
}

/** Each part of it is a resource that one must be allowed to impersonate. */
function* askedBy({ user, uid, groups, extra }: Wanted): Iterable<Attributes> {
  const head = { verb: "impersonate", path: "" };
  const account = accountOfUser(user);
  if (account === undefined) yield { ...head, apiGroup: "", resource: "users", name: user };
  else {
    const { namespace = "", name } = account;
    yield { ...head, apiGroup: "", resource: "serviceaccounts", namespace, name };
  }
  for (const name of groups) yield { ...head, apiGroup: "", resource: "groups", name };
  const more = { ...head, apiGroup: AUTHENTICATION };
  if (uid !== "") yield { ...more, resource: "uids", name: uid };
  for (const [subresource, values] of Object.entries(extra)) {
    for (const name of values) yield { ...more, resource: "userextras", subresource, name };
  }
}

function keyIn(header: string): string {
  const key = header.slice(EXTRA.length);
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
