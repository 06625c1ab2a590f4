import type {
  BackendLimits,
  BackendSpec,
  EndpointSpec,
  HostSpec,
  RouteSpec,
} from "./route_table.ts";

const HOST = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*$/;

/** Beyond this, Node's timers fire at once. */
const MS_MAX = 2 ** 31 - 1;

/** What is wrong with a route by itself, in words, or nothing. */
export function problemOfRoute({ id, hosts }: RouteSpec): string | undefined {
  if (id === "") return "a route needs an id";
  const seen = new Set<string>();
  for (const spec of hosts) {
    if (seen.has(spec.host)) return `host "${spec.host}" is there twice`;
    seen.add(spec.host);
    const problem = problemOfHost(spec);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function problemOfHost({ host, split }: HostSpec): string | undefined {
  if (!HOST.test(host)) {
    return `host "${host}" must be a DNS name in lower case, without a port`;
  }
  let sum = 0;
  for (const { backend, percent } of split) {
    if (!Number.isInteger(percent) || percent < 0 || percent > 100) {
      const rule = "must be a whole number from 0 to 100";
      return `host "${host}": percent of "${backend}" ${rule}: ${percent}`;
    }
    sum += percent;
  }
  return sum === 100 ? undefined : `host "${host}": percentages must add up to 100: ${sum}`;
}

/** What is wrong with a backend, in words, or nothing. */
export function problemOfBackend({ id, endpoints, limits }: BackendSpec): string | undefined {
  if (id === "") return "a backend needs an id";
  const seen = new Set<string>();
  for (const endpoint of endpoints) {
    if (seen.has(endpoint.name)) return `endpoint "${endpoint.name}" is there twice`;
    seen.add(endpoint.name);
    const problem = problemOfEndpoint(endpoint);
    if (problem !== undefined) return problem;
  }
  return problemOfLimits(limits);
}

function problemOfEndpoint({ name, host, port }: EndpointSpec): string | undefined {
  if (name === "" || host === "") return `endpoint "${name}" needs a name and a host: "${host}"`;
  const isPort = Number.isInteger(port) && port > 0 && port < 65_536;
  return isPort ? undefined : `endpoint "${name}": port must be from 1 to 65535: ${port}`;
}

function problemOfLimits(limits: BackendLimits): string | undefined {
  const { timeoutMs, responseStartTimeoutMs, idleTimeoutMs, concurrency } = limits;
  for (const [name, ms] of Object.entries({ timeoutMs, responseStartTimeoutMs, idleTimeoutMs })) {
    if (ms === undefined) continue;
    if (!(ms > 0 && ms <= MS_MAX)) return `${name} must be from 1 to ${MS_MAX}: ${ms}`;
  }
  const isCount = Number.isInteger(concurrency) && concurrency >= 0;
  return isCount ? undefined : `concurrency must be a whole number from 0: ${concurrency}`;
}
