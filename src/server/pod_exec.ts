import type { Readable, Writable } from "node:stream";
import { ApiError, brief, statusOf } from "../api/error.ts";
import type { ObjectKey } from "../api/meta.ts";
import type { Answer, Call, Upgraded } from "../base/call.ts";
import type { Clock } from "../base/clock.ts";
import { acceptWebSocket, offeredBy } from "../base/web_socket.ts";
import type { ApiRoute } from "./api_route.ts";
import type { ServerContext } from "./context.ts";
import { type Channels, channelsOn, EXEC_PROTOCOLS } from "./exec_channels.ts";
import { type Aimed, aimOf } from "./pod_container.ts";
import type { PodLogs } from "./pod_log.ts";
import { isTrue } from "./query.ts";

/** A command beside the instance behind a Pod, as the runtime runs it. */
export interface PodExecution extends Disposable {
  readonly input: Writable | undefined;
  readonly output: Readable;
  readonly errors: Readable;
  resize(size: { readonly columns: number; readonly rows: number }): void;
  readonly ended: Promise<number>;
}

export interface PodCommand {
  readonly command: readonly string[];
  readonly hasInput: boolean;
  readonly terminal?: { readonly columns: number; readonly rows: number };
}

/** Starts a command beside the instance of a Pod. Throws what a caller can act on. */
export type PodExec = (pod: ObjectKey, command: PodCommand) => Promise<PodExecution>;

export interface ExecDeps {
  readonly exec: PodExec;
  readonly podLogs: PodLogs;
}

/** A terminal before its size is known. */
const SIZE = { columns: 80, rows: 24 };
const SIZE_MS = 500;

/** `…/pods/NAME/exec` and `/attach`, for `kubectl exec`, `cp` and `attach`. */
export function podExecRoutes(deps: ExecDeps, context: ServerContext): readonly ApiRoute[] {
  const { store, clock } = context;
  const base = "/api/v1/namespaces/:namespace/pods/:name";
  const exec = (call: Call) => upgraded(call, (aimed, channels) => run(call, aimed, channels));
  const attach = (call: Call) => upgraded(call, (aimed, channels) => show(aimed, channels));
  return ["GET", "POST"].flatMap((method) => [
    { method, path: `${base}/exec`, handle: exec },
    { method, path: `${base}/attach`, handle: attach },
  ]);

  function upgraded(call: Call, act: (aimed: Aimed, channels: Channels) => Promise<void>): Answer {
    const aimed = aimOf(call, store);
    if (call.path.endsWith("/exec") && commandIn(call).length === 0) {
      throw new ApiError("BadRequest", "you must specify at least 1 command for the container");
    }
    const protocol = spokenBy(call, EXEC_PROTOCOLS);
    const take = async (connection: Upgraded) => {
      const wire = await acceptWebSocket(connection, protocol);
      const channels = channelsOn(wire);
      try {
        await act(aimed, channels);
      } catch (thrown) {
        await channels.finish(statusOf(thrown));
      }
    };
    return { code: 101, take: (connection) => void take(connection) };
  }

  async function run(call: Call, { key }: Aimed, channels: Channels): Promise<void> {
    const { query } = call;
    const hasInput = isTrue(query.get("stdin"));
    const isTerminal = isTrue(query.get("tty"));
    const terminal = isTerminal ? { terminal: await firstSize(channels, clock) } : {};
    const command = { command: commandIn(call), hasInput, ...terminal };
    using execution = await deps.exec(key, command);
    channels.onResize = (size) => execution.resize(size);
    if (execution.input === undefined) channels.input.resume();
    else channels.input.pipe(execution.input);
    // Who has gone has no use for it, and nobody else would end it.
    channels.signal.addEventListener("abort", () => execution[Symbol.dispose](), { once: true });
    const sent = [
      channels.sendOutput(execution.output),
      ...(isTerminal ? [drop(execution.errors)] : [channels.sendErrors(execution.errors)]),
    ];
    const code = await execution.ended;
    await Promise.allSettled(sent);
    await channels.finish(outcomeOf(code));
  }

  async function show({ key, container }: Aimed, channels: Channels): Promise<void> {
    const { signal } = channels;
    channels.input.resume();
    const lines = deps.podLogs(key, { container, follow: true, tailLines: 0, signal });
    await channels.sendOutput(asBytes(lines));
    await channels.finish(outcomeOf(0));
  }
}

function commandIn({ query }: Call): readonly string[] {
  return query.getAll("command");
}

/**
 * What to speak on the connection. Throws `NotImplemented`, with a way out, for callers that
 * cannot speak it on a WebSocket: kubectl does so since 1.31.
 */
export function spokenBy(call: Call, ours: readonly string[]): string {
  const { upgrade = "", "sec-websocket-protocol": offered } = call.headers;
  if (!call.isUpgrade) {
    const asked = upgrade === "" ? "this request asks for none" : `this one asks for "${upgrade}"`;
    const message =
      `this is served over a WebSocket alone, and ${asked}: use kubectl 1.31 or newer, and a ` +
      "proxy that lets WebSockets pass";
    throw new ApiError("NotImplemented", message);
  }
  checkOrigin(call);
  const protocol = ours.find((it) => offeredBy(offered).includes(it));
  if (protocol !== undefined) return protocol;
  const message = `unable to upgrade: of "${offered ?? ""}", none is one of ${ours.join(", ")}`;
  throw new ApiError("BadRequest", message);
}

/** Browsers let any page open a WebSocket to any server, and say whose page it was. */
function checkOrigin({ headers: { origin, host = "" } }: Call): void {
  if (origin === undefined || origin.replace(/^https?:\/\//, "") === host) return;
  const whose = `a page of "${brief(origin)}"`;
  const message = `${whose} may not open a WebSocket here, only one of "${host}" may`;
  throw new ApiError("Forbidden", message);
}

/** Clients tell it at once; who does not has the usual one. */
function firstSize(channels: Channels, clock: Clock): Promise<typeof SIZE> {
  return new Promise((resolve) => {
    const late = clock.after(SIZE_MS, () => resolve(SIZE));
    channels.onResize = (size) => {
      late[Symbol.dispose]();
      resolve(size);
    };
  });
}

async function drop(stream: Readable): Promise<void> {
  for await (const _ of stream);
}

async function* asBytes(lines: ReturnType<PodLogs>): AsyncIterable<Buffer> {
  for await (const { text } of lines) yield Buffer.from(`${text}\n`);
}

/** How a command ended, as clients read it. */
function outcomeOf(code: number): object {
  if (code === 0) return { metadata: {}, status: "Success" };
  return {
    metadata: {},
    status: "Failure",
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: String(code) }] },
  };
}
