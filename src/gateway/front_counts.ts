/** What a worker counts that belongs to no revision. Only ever added to. */
export interface FrontCounts {
  /** Requests to a host that nobody has. */
  unknownHosts: number;
  /** Requests that a policy answered, by redirect or refusal. */
  policyAnswers: number;
  logDropped: number;
  spansSent: number;
  spansDropped: number;
}

export function makeFrontCounts(): FrontCounts {
  return { unknownHosts: 0, policyAnswers: 0, logDropped: 0, spansSent: 0, spansDropped: 0 };
}
