import type { SetLimits } from "./limits.ts";

/** What a worker is started with, as JSON in its one argument. Its token is in its environment. */
export interface WorkerConfig {
  readonly host: string;
  /** 0: any free one, which the worker tells. */
  readonly port: number;
  /** The same for TLS; none when left out. */
  readonly tls?: { readonly host: string; readonly port: number };
  /** The path of the socket on which control reaches it. */
  readonly path: string;
  /** Of the access log. */
  readonly accessLogPath?: string;
  /** Where it leaves what it has counted when it ends. */
  readonly countsPath: string;
  /** Those that an operator has set. */
  readonly limits: SetLimits;
}

export const TOKEN_VARIABLE = "VARVE_WORKER_TOKEN";
