import type {
  BackendLimits,
  BackendSpec,
  EndpointSpec,
  Interval,
  RouteSpec,
  ShareSpec,
  SteeringSpec,
} from "./route_table.ts";

const HOST =
  /^(?=.{1,253}$)(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*$/;

/** Beyond this, Node's timers fire at once. */
const MS_MAX = 2 ** 31 - 1;

/** What is wrong with a route by itself, in words, or nothing. */
export function problemOfRoute({ id, hosts, steering }: RouteSpec): string | undefined {
  if (id === "") return "a route needs an id";
  const seen = new Set<string>();
  for (const { host, split } of hosts) {
    if (seen.has(host)) return `host "${host}" is there twice`;
    seen.add(host);
    if (!HOST.test(host)) {
      const form = 'must be a DNS name in lower case, without a port, or "*." and such a name';
      return `host "${host}" ${form}`;
    }
    const problem = problemOfSplit(split);
    if (problem !== undefined) return `host "${host}": ${problem}`;
  }
  return steering && problemOfSteering(steering);
}

function problemOfSplit(split: readonly ShareSpec[]): string | undefined {
  for (const share of split) {
    const problem = problemOfShare(share);
    if (problem !== undefined) return problem;
  }
  const sum = split.reduce((tenths, { percent }) => tenths + Math.round(percent * 10), 0);
  return sum === 1000 ? undefined : `percentages must add up to 100: ${sum / 10}`;
}

/** Tenths are what can be counted by: 33.3 is as good a number as a sum of them will give. */
function problemOfShare({ backend, percent }: ShareSpec): string | undefined {
  const tenths = percent * 10;
  const isFine = percent >= 0 && percent <= 100 && Math.abs(tenths - Math.round(tenths)) < 1e-6;
  if (isFine) return undefined;
  return `percent of "${backend}" must be a number from 0 to 100 in steps of 0.1: ${percent}`;
}

function problemOfSteering({ rules = [], sticky, mirrors = [] }: SteeringSpec): string | undefined {
  for (const { name, split } of rules) {
    const problem = problemOfSplit(split);
    if (problem !== undefined) return `rule "${name}": ${problem}`;
  }
  for (const mirror of mirrors) {
    const problem = problemOfShare(mirror);
    if (problem !== undefined) return `mirror: ${problem}`;
  }
  return sticky && problemOfIntervals(sticky.intervals);
}

/** Every point is in exactly one. */
function problemOfIntervals(intervals: readonly Interval[]): string | undefined {
  const inOrder = intervals.toSorted((one, other) => one.from - other.from);
  let end = 0;
  for (const { backend, from, length } of inOrder) {
    const isNext = from === end && Number.isInteger(length) && length > 0;
    if (!isNext) return `sticky: the interval of "${backend}" from ${from} must begin at ${end}`;
    end += length;
  }
  return end === 1000 ? undefined : `sticky: the intervals must end at 1000: ${end}`;
}

/** What is wrong with a backend, in words, or nothing. */
export function problemOfBackend(spec: BackendSpec): string | undefined {
  const { id, endpoints, frozen = [], limits } = spec;
  if (id === "") return "a backend needs an id";
  const seen = new Set<string>();
  for (const endpoint of [...endpoints, ...frozen]) {
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
