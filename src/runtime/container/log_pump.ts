import { type Clock, timestampOf } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { LogLine } from "../../base/log_line.ts";
import { LINES_MAX, lastWords } from "../last_lines.ts";
import type { RevisionLogs } from "../revision_logs.ts";
import type { Connections } from "./connection.ts";
import { isStatus } from "./engine.ts";
import { type Frame, framesOf } from "./frames.ts";
import { Progress } from "./progress.ts";

export interface LogPumpOptions {
  readonly connections: Connections;
  readonly container: string;
  readonly writer: Writer;
  readonly logs: RevisionLogs;
  readonly clock: Clock;
  readonly log: Log;
  /** Resolves when the container has ended: then what is there is all there is. */
  readonly ended: Promise<unknown>;
}

/** Whose output it is. */
export interface Writer {
  readonly name: string;
  readonly revision: string;
  readonly run: number;
}

const AGAIN_MS = 500;
const CLOSE_MS = 3000;

/**
 * Moves what a container writes from the engine to the log of its revision. The engine has the
 * time of each line, so our own log says how far we are: nothing is lost or told twice, however
 * often the engine or the server begins anew.
 */
export class LogPump implements Disposable {
  readonly #options: LogPumpOptions;
  readonly #closed = new AbortController();
  readonly #done: Promise<void>;
  readonly #progress = new Progress();
  #isOver = false;

  /** Of a container that another server has started; or of one that has written nothing yet. */
  constructor(options: LogPumpOptions, isAdopted: boolean) {
    this.#options = options;
    void options.ended.then(() => {
      this.#isOver = true;
    });
    this.#done = this.#pump(isAdopted);
  }

  /** Waits until all is in the log, and answers with the last lines of it. */
  async close(): Promise<string> {
    const { clock, logs, writer } = this.#options;
    using _ = clock.after(CLOSE_MS, () => this.#closed.abort());
    await this.#done;
    const { name, run } = writer;
    const tail = logs.read(name, { run, tailLines: LINES_MAX });
    return lastWords(await Array.fromAsync(tail, (line) => line.text));
  }

  [Symbol.dispose](): void {
    this.#closed.abort();
  }

  async #pump(isAdopted: boolean): Promise<void> {
    const { clock, log, writer, ended } = this.#options;
    const { signal } = this.#closed;
    if (isAdopted) await this.#countKnown();
    while (!signal.aborted) {
      const wasOver = this.#isOver;
      try {
        await this.#read();
        if (wasOver) return;
      } catch (err) {
        if (signal.aborted || isStatus(err, 404)) return;
        log.warn({ err, instance: writer.name }, "Cannot collect the output of an instance");
      }
      // It may have ended, or else the engine has.
      const pause = clock.sleep(AGAIN_MS, { signal }).catch(() => {});
      await Promise.race([pause, ...(wasOver ? [] : [ended])]);
    }
  }

  async #read(): Promise<void> {
    const { connections, container, writer, logs } = this.#options;
    const { signal } = this.#closed;
    const since = secondsOf(this.#progress.at);
    this.#progress.beginAgain();
    const query = { follow: 1, stdout: 1, stderr: 1, timestamps: 1, since };
    const path = `/containers/${container}/logs`;
    const chunks = await connections.use(({ engine }) => engine.stream(path, { query, signal }));
    for await (const frames of framesOf(chunks)) {
      const lines = this.#progress.take(frames.map((frame) => lineOf(frame, writer)));
      if (lines.length > 0) logs.append(writer.revision, lines);
    }
  }

  async #countKnown(): Promise<void> {
    const { logs, writer } = this.#options;
    const { name, run } = writer;
    for await (const line of logs.read(name, { run })) this.#progress.count(line);
  }
}

const STAMPED = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d) ?(.*)$/s;

/** "2026-01-01T00:00:00.123456789Z text", of which the log keeps microseconds. */
function lineOf({ payload }: Frame, { name: from, run }: Writer): LogLine {
  const said = payload.toString().replace(/\r?\n$/, "");
  const [, second, fraction = "", zone = "", text = ""] = STAMPED.exec(said) ?? [];
  if (second === undefined) return { at: "", from, run, text: said };
  const utc = zone === "Z" ? second : timestampOf(Date.parse(`${second}${zone}`)).slice(0, 19);
  return { at: `${utc}.${fraction.slice(0, 6).padEnd(6, "0")}Z`, from, run, text };
}

/** A time in the form of `since`: seconds since 1970, with their fraction. */
function secondsOf(at: string): string | undefined {
  if (at === "") return undefined;
  return `${Date.parse(`${at.slice(0, 19)}Z`) / 1000}${at.slice(19, -1)}`;
}
