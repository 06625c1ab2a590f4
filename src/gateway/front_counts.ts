/** What a worker counts that belongs to no revision. Only ever added to. */
export interface FrontCounts {
  /** Requests to a host that nobody has. */
  unknownHosts: number;
  /** Requests whose head could not be understood, or did not come in time. */
  badRequests: number;
  /** Requests that a policy answered, by redirect or refusal. */
  policyAnswers: number;
  logDropped: number;
  spansSent: number;
  spansDropped: number;
  /** Connections of HTTP/2 that were closed, for streams taken back, PINGs, SETTINGS, frames. */
  h2Resets: number;
  h2Pings: number;
  h2Settings: number;
  h2Frames: number;
}

export function makeFrontCounts(): FrontCounts {
  return {
    ...{
      unknownHosts: 0,
      badRequests: 0,
      policyAnswers: 0,
      logDropped: 0,
      spansSent: 0,
      spansDropped: 0,
    },
    ...{ h2Resets: 0, h2Pings: 0, h2Settings: 0, h2Frames: 0 },
  };
}
