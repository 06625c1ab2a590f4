import { once } from "node:events";
import { type Duplex, PassThrough } from "node:stream";
import { ApiError } from "../../api/error.ts";
import type { Clock } from "../../base/clock.ts";
import type { Value } from "../../base/schema.ts";
import { type Verdict, WELL } from "../attempt.ts";
import type { ExecRequest, Execution } from "../runtime.ts";
import { type Engine, EngineError } from "./engine.ts";
import { CREATED, EXEC } from "./engine_schema.ts";
import { framesOf } from "./frames.ts";
import { killInside } from "./killing.ts";
import { reasonIn } from "./words.ts";

export interface ExecPlace {
  readonly engine: Engine;
  /** Its identity. */
  readonly container: string;
  readonly clock: Clock;
}

const LOOK_MS = 5;
/** What the engine ends with that could not execute a command, as a shell does. */
const NOT_EXECUTED = [126, 127];
const KILLED = 137;
const OUTPUT_CHARS_MAX = 200;

type Looked = Value<typeof EXEC>;

/** Starts a command in a container. Throws `BadRequest` when it cannot be run. */
export async function execute(request: ExecRequest, place: ExecPlace): Promise<Execution> {
  const { engine, container } = place;
  const { command, hasInput, terminal } = request;
  if (command.length === 0) throw new ApiError("BadRequest", "you must specify a command to run");
  const isTerminal = terminal !== undefined;
  const body = {
    AttachStdin: hasInput,
    AttachStdout: true,
    AttachStderr: true,
    Tty: isTerminal,
    ...(isTerminal && { Env: ["TERM=xterm"] }),
    Cmd: command,
  };
  try {
    const { Id: id } = await engine.post(`/containers/${container}/exec`, CREATED, { body });
    const socket = await engine.hijack(`/exec/${id}/start`, { Detach: false, Tty: isTerminal });
    const execution = new ContainerExecution({ ...place, id, socket, request });
    await execution.begun();
    return execution;
  } catch (thrown) {
    if (!(thrown instanceof EngineError) || thrown.status === 0) throw thrown;
    throw new ApiError("BadRequest", reasonIn(thrown.message), { cause: thrown });
  }
}

interface ExecutionOptions extends ExecPlace {
  readonly id: string;
  readonly socket: Duplex;
  readonly request: ExecRequest;
}

class ContainerExecution implements Execution {
  readonly output = new PassThrough();
  readonly errors = new PassThrough();
  readonly ended: Promise<number>;
  readonly #options: ExecutionOptions;
  #isOver = false;
  #isKilled = false;
  /** One after the other, for the last one counts. */
  #resizing: Promise<unknown> = Promise.resolve();

  constructor(options: ExecutionOptions) {
    this.#options = options;
    this.ended = this.#follow();
  }

  get input(): Duplex | undefined {
    return this.#options.request.hasInput ? this.#options.socket : undefined;
  }

  /** Resolves once the command runs, or has ended. Throws `BadRequest` when it never did. */
  async begun(): Promise<void> {
    const { clock, request } = this.#options;
    const { terminal, command } = request;
    let looked = await this.#look();
    for (; !isDecided(looked); looked = await this.#look()) await clock.sleep(LOOK_MS);
    const { Running = false, ExitCode = 0, Pid = 0 } = looked;
    if (!Running && Pid === 0 && NOT_EXECUTED.includes(ExitCode)) {
      const said = (await Array.fromAsync(this.output)).join("").trim();
      const why = said === "" ? "it is not there, or is not executable" : reasonIn(said);
      throw new ApiError("BadRequest", `cannot run "${command[0]}": ${why}`);
    }
    if (terminal !== undefined) this.resize(terminal);
  }

  resize({ columns, rows }: NonNullable<ExecRequest["terminal"]>): void {
    const { engine, id, request } = this.#options;
    if (request.terminal === undefined) return;
    const query = { w: Math.trunc(columns), h: Math.trunc(rows) };
    const path = `/exec/${id}/resize`;
    // Who has just ended has no size.
    this.#resizing = this.#resizing.then(() => engine.act(path, { query })).catch(() => {});
  }

  [Symbol.dispose](): void {
    if (this.#isOver || this.#isKilled) return;
    this.#isKilled = true;
    void this.#kill();
  }

  async #kill(): Promise<void> {
    const { container, socket } = this.#options;
    const { Pid = 0 } = await this.#look().catch((): Looked => ({}));
    if (Pid > 0 && killInside(container, Pid)) return;
    // All we can do: it has nobody to write to any more.
    socket.destroy();
  }

  /** Passes on what it writes, to the end, and answers with how it ended. */
  async #follow(): Promise<number> {
    const { socket, request } = this.#options;
    // Who no longer reads, or whose connection breaks, is no failure of ours.
    socket.on("error", () => {});
    try {
      if (request.terminal === undefined) await this.#takeApart();
      else for await (const chunk of socket) await write(this.output, chunk);
    } catch {
      // It ends here in any case.
    }
    this.output.end();
    this.errors.end();
    socket.destroy();
    const { ExitCode = KILLED } = await this.#look().catch((): Looked => ({}));
    this.#isOver = true;
    return ExitCode;
  }

  async #takeApart(): Promise<void> {
    for await (const frames of framesOf(this.#options.socket)) {
      for (const { stream, payload } of frames) await write(this[stream], payload);
    }
  }

  #look(): Promise<Looked> {
    const { engine, id } = this.#options;
    return engine.get(`/exec/${id}/json`, EXEC);
  }
}

/** The engine calls it running before it has tried to execute it. */
function isDecided({ Running = false, Pid = 0, ExitCode }: Looked): boolean {
  return Running ? Pid > 0 : ExitCode !== undefined;
}

async function write(stream: PassThrough, chunk: Uint8Array): Promise<void> {
  if (chunk.length === 0 || stream.destroyed || stream.write(chunk)) return;
  await Promise.race([once(stream, "drain"), once(stream, "close")]);
}

/** Runs a command as a probe. Exit code 0 means that the instance is well. */
export async function execProbe(
  command: readonly string[],
  signal: AbortSignal,
  place: ExecPlace,
): Promise<Verdict> {
  if (command.length === 0) return { isWell: false, message: "its exec probe has no command" };
  using execution = await execute({ command, hasInput: false }, place);
  const stop = () => execution[Symbol.dispose]();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    const both = Promise.all([lastOf(execution.output), lastOf(execution.errors)]);
    const code = await execution.ended;
    if (code === 0) return WELL;
    const last = (await both).join("").trim().slice(-OUTPUT_CHARS_MAX);
    return { isWell: false, message: `"${command.join(" ")}" exits with ${code}: ${last}` };
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

async function lastOf(stream: AsyncIterable<Buffer>): Promise<string> {
  let text = "";
  for await (const chunk of stream) text = `${text}${chunk}`.slice(-OUTPUT_CHARS_MAX);
  return text;
}
