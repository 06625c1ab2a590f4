import { isDeepStrictEqual } from "node:util";
import { ApiError } from "../api/error.ts";
import { problemOfBackend, problemOfRoute } from "./check.ts";
import { backendsOf } from "./compile.ts";
import type { Change } from "./protocol.ts";
import type { BackendSpec, GatewaySettings, RouteSpec } from "./route_table.ts";
import { TlsSpecs } from "./tls/tls_specs.ts";

interface Known {
  readonly spec: BackendSpec;
  /** Deleted, and still in a split. */
  readonly isGone: boolean;
}

/**
 * What the gateway should serve, as the control process has said it. Each method checks, keeps,
 * and answers with the changes that make the workers' tables follow: none when it is no news.
 *
 * What was inherited from an earlier control process counts as if it were said, so that nothing
 * is lost before it is said again. But it gives way, as does a lesser claim to a host: a new route
 * may take the host from it. And `dropInherited` drops what nobody has said again.
 */
export class Specs {
  readonly #routes = new Map<string, RouteSpec>();
  readonly #backends = new Map<string, Known>();
  readonly #routeOfHost = new Map<string, string>();
  readonly #routesOfBackend = new Map<string, Set<string>>();
  readonly #inheritedRoutes = new Set<string>();
  readonly #inheritedBackends = new Set<string>();
  readonly tls = new TlsSpecs();
  #settings: GatewaySettings | undefined;

  hasBackend(id: string): boolean {
    return this.#backends.has(id);
  }

  get counts(): { readonly routes: number; readonly backends: number } {
    return { routes: this.#routes.size, backends: this.#backends.size };
  }

  /** What would make this table out of an empty one. */
  *changes(): Iterable<Change> {
    if (this.#settings !== undefined) yield { putSettings: this.#settings };
    for (const { spec } of this.#backends.values()) yield { putBackend: spec };
    for (const putRoute of this.#routes.values()) yield { putRoute };
    yield* this.tls.changes();
    for (const [id, { isGone }] of this.#backends) if (isGone) yield { deleteBackend: id };
  }

  putRoute(spec: RouteSpec): readonly Change[] {
    this.#checkRoute(spec);
    this.#inheritedRoutes.delete(spec.id);
    if (isDeepStrictEqual(this.#routes.get(spec.id), spec)) return [];
    const others = this.#robbed(spec);
    this.#keepRoute(spec);
    // The new owner comes first, so that the host is never without one.
    const changes: Change[] = [{ putRoute: spec }];
    for (const other of others) {
      const { id, hosts } = other;
      const left = hosts.filter(({ host }) => this.#routeOfHost.get(host) === id);
      // What is asked of requests holds on the hosts that it keeps.
      const rest = { ...other, hosts: left };
      this.#keepRoute(rest);
      changes.push({ putRoute: rest });
    }
    return changes;
  }

  deleteRoute(id: string): readonly Change[] {
    const spec = this.#routes.get(id);
    if (spec === undefined) return [];
    this.#inheritedRoutes.delete(id);
    this.#dropRoute(spec);
    return [{ deleteRoute: id }];
  }

  putSettings(settings: GatewaySettings): readonly Change[] {
    if (isDeepStrictEqual(this.#settings, settings)) return [];
    this.#settings = settings;
    return [{ putSettings: settings }];
  }

  putBackend(spec: BackendSpec): readonly Change[] {
    const problem = problemOfBackend(spec);
    if (problem !== undefined) throw refused("backend", spec.id, problem);
    this.#inheritedBackends.delete(spec.id);
    const known = this.#backends.get(spec.id);
    if (known?.isGone === false && isDeepStrictEqual(known.spec, spec)) return [];
    this.#backends.set(spec.id, { spec, isGone: false });
    return [{ putBackend: spec }];
  }

  /** Its share of a split is refused from now on, until the route gives it to another. */
  deleteBackend(id: string): readonly Change[] {
    const known = this.#backends.get(id);
    this.#inheritedBackends.delete(id);
    if (known === undefined || known.isGone) return [];
    if (this.#routesOfBackend.has(id)) {
      const spec = { ...known.spec, endpoints: [] };
      this.#backends.set(id, { spec, isGone: true });
    } else this.#backends.delete(id);
    return [{ deleteBackend: id }];
  }

  /** Takes over a table as a worker has it. */
  inherit(changes: Iterable<Change>): void {
    for (const change of changes) {
      if ("putBackend" in change) {
        this.#backends.set(change.putBackend.id, { spec: change.putBackend, isGone: false });
        this.#inheritedBackends.add(change.putBackend.id);
      } else if ("putRoute" in change) {
        this.#keepRoute(change.putRoute);
        this.#inheritedRoutes.add(change.putRoute.id);
      } else if ("putTls" in change) this.tls.inherit(change.putTls);
      else if ("deleteBackend" in change) this.deleteBackend(change.deleteBackend);
      else if ("putSettings" in change) this.#settings = change.putSettings;
    }
  }

  /** Drops what was inherited and never said again. A backend in a split stays while it is. */
  dropInherited(): readonly Change[] {
    const routes = [...this.#inheritedRoutes].flatMap((id) => this.deleteRoute(id));
    const unused = [...this.#inheritedBackends].filter((id) => !this.#routesOfBackend.has(id));
    const backends = unused.flatMap((id) => this.deleteBackend(id));
    return [...routes, ...backends, ...this.tls.dropInherited()];
  }

  #checkRoute(spec: RouteSpec): void {
    const problem = problemOfRoute(spec);
    if (problem !== undefined) throw refused("route", spec.id, problem);
    for (const { host, claim = "" } of spec.hosts) {
      const owner = this.#routeOfHost.get(host) ?? spec.id;
      if (owner !== spec.id && !this.#givesWay(owner, host, claim)) {
        const message = `Cannot put route "${spec.id}": route "${owner}" has the host "${host}"`;
        throw new ApiError("AlreadyExists", message);
      }
    }
    const missing = [...backendsOf(spec)].find((it) => !this.#backends.has(it));
    if (missing === undefined) return;
    const what = `backend "${missing}" is not known: put the backend first`;
    const message = `Cannot put route "${spec.id}": ${what}`;
    throw new ApiError("NotFound", message);
  }

  #givesWay(owner: string, host: string, claim: string): boolean {
    if (this.#inheritedRoutes.has(owner)) return true;
    const held = this.#routes.get(owner)?.hosts.find((it) => it.host === host);
    return claim < (held?.claim ?? "");
  }

  /** The routes that lose a host to this one. */
  #robbed(spec: RouteSpec): readonly RouteSpec[] {
    const owners = new Set(spec.hosts.map(({ host }) => this.#routeOfHost.get(host)));
    owners.delete(spec.id);
    return [...owners].flatMap((id) => this.#routes.get(id ?? "") ?? []);
  }

  #keepRoute(spec: RouteSpec): void {
    const before = this.#routes.get(spec.id);
    this.#routes.set(spec.id, spec);
    for (const { host } of spec.hosts) this.#routeOfHost.set(host, spec.id);
    for (const id of backendsOf(spec)) {
      const users = this.#routesOfBackend.get(id) ?? new Set();
      this.#routesOfBackend.set(id, users.add(spec.id));
    }
    if (before !== undefined) this.#release(before, spec);
  }

  #dropRoute(spec: RouteSpec): void {
    this.#routes.delete(spec.id);
    this.#release(spec, { id: spec.id, hosts: [] });
  }

  #release(before: RouteSpec, after: RouteSpec): void {
    const hosts = new Set(after.hosts.map(({ host }) => host));
    for (const { host } of before.hosts) {
      const isMine = this.#routeOfHost.get(host) === before.id;
      if (isMine && !hosts.has(host)) this.#routeOfHost.delete(host);
    }
    const backends = backendsOf(after);
    for (const id of backendsOf(before)) if (!backends.has(id)) this.#disuse(id, before.id);
  }

  #disuse(id: string, route: string): void {
    const users = this.#routesOfBackend.get(id);
    users?.delete(route);
    if (users === undefined || users.size > 0) return;
    this.#routesOfBackend.delete(id);
    if (this.#backends.get(id)?.isGone === true) this.#backends.delete(id);
  }
}

function refused(what: string, id: string, problem: string): ApiError {
  return new ApiError("Invalid", `Cannot put ${what} "${id}": ${problem}`);
}
