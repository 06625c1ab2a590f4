import { type DestinationStream, pino } from "pino";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** What happened, for operators: one line of JSON each. `fields` first, the sentence last. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** The same log, with `fields` on every line. */
  child(fields: object): Log;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** Standard error when left out: standard output belongs to what a command answers. */
  readonly to?: DestinationStream;
}

/** Makes the log of a process. Errors under `err` are written with their cause and stack. */
export function makeLog({ level, to = pino.destination(2) }: LogOptions): Log {
  const timestamp = pino.stdTimeFunctions.isoTime;
  const formatters = { level: (label: string) => ({ level: label }) };
  return pino({ level, timestamp, formatters, base: null }, to);
}

export const silentLog: Log = makeLog({ level: "silent" });
