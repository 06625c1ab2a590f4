import { REVISION } from "../api/revision.ts";
import { didYouMean } from "./closest.ts";
import { type Asked, type Command, type Context, defined, type Server } from "./command.ts";
import { type ExitCode, failure, wrongUsage } from "./failure.ts";
import { mustService } from "./find_service.ts";
import { WAITING } from "./flags.ts";
import { Progress } from "./progress.ts";
import { ACTS, type Act, deedOf } from "./rollout/act.ts";
import { type Standing, standingOf } from "./rollout/facts.ts";
import { standingAsJson, standingLine, standingLines } from "./rollout/show.ts";
import { watchRollout } from "./rollout/watch.ts";
import { until } from "./until.ts";

export const ROLLOUT: Command = {
  name: "rollout",
  group: "Deploy",
  summary: "Show or steer how a new revision gets its requests",
  text:
    "status shows how far the newest revision is, and what speaks for and against it; with " +
    "--watch it follows until it has all requests, and fails when it is sent back. promote goes " +
    "on to the next step, pause and resume do what they say, abort sends it back, undo goes back " +
    "to the one that served before or to the one that is named, also when it is over, and " +
    "retry begins anew with one that was sent back. What is deployed next is rolled out as ever.",
  args: [
    { form: "ACTION", meaning: `status, ${ACTS.join(", ")}` },
    { form: "SERVICE", meaning: "the service" },
    { form: "[REVISION]", meaning: "of undo: which one (default: the one that served before)" },
  ],
  flags: [
    { name: "watch", short: "w", meaning: "of status: follow until it is over" },
    { name: "full", meaning: "of promote: all requests at once" },
    { name: "output", short: "o", value: "FORM", meaning: "json" },
    ...WAITING,
  ],
  examples: [
    { line: "rollout status shop --watch", meaning: "Follow it to its end." },
    { line: "rollout promote shop", meaning: "Go on to the next step by hand." },
    { line: "rollout abort shop", meaning: "Send it back." },
    { line: "rollout undo shop 3", meaning: "Back to the third revision." },
  ],
  run,
};

async function run({ args, flags }: Asked, context: Context): Promise<ExitCode | undefined> {
  const [action, first, word] = args;
  const name = defined(first);
  const isJson = context.isJson || flags.oneOf("output", "json") === "json";
  const waitMs = flags.waitMs();
  const act = ACTS.find((it) => it === action);
  if (act === undefined && action !== "status") throw unknown(defined(action));
  if (word !== undefined && act !== "undo") {
    throw wrongUsage(`"${word}" is one word too many: only undo takes a revision`);
  }
  const server = await context.connect();
  await mustService(server, name, context);
  const showing = { context, server, name, isJson };
  if (act === undefined) return await status(showing, flags.has("watch"));
  await perform(act, { ...showing, word, isFull: flags.has("full"), waitMs });
  return 0;
}

interface Showing {
  readonly context: Context;
  readonly server: Server;
  readonly name: string;
  readonly isJson: boolean;
}

/** How often one looks, though nothing has changed. */
const LOOK_MS = 60_000;

async function status(showing: Showing, isFollowed: boolean): Promise<ExitCode> {
  const { context, server, name, isJson } = showing;
  const { terminal } = context;
  await using watch = await watchRollout(context, server, name);
  if (!isFollowed) {
    await print(showing, watch.seen());
    return 0;
  }
  for (let said = ""; ; ) {
    const seen = watch.seen();
    const standing = standingOf(seen);
    const line = isJson ? JSON.stringify(standingAsJson(seen, standing)) : standingLine(standing);
    if (line !== said) await terminal.print(line);
    said = line;
    const code = endOf(standing);
    if (code !== undefined) return code;
    await watch.changed(LOOK_MS);
  }
}

/** How it ended, or nothing while it goes on. */
function endOf({ state }: Standing): ExitCode | undefined {
  if (state === "Complete") return 0;
  return state === "Aborted" || state === "Failed" ? 1 : undefined;
}

interface Performing extends Showing {
  readonly word: string | undefined;
  readonly isFull: boolean;
  readonly waitMs: number | undefined;
}

async function perform(act: Act, performing: Performing): Promise<void> {
  const { context, server, name, word, isFull, waitMs } = performing;
  const { terminal, clock, signal } = context;
  const { client, namespace } = server;
  await using watch = await watchRollout(context, server, name);
  const { revision, notes, isDone, says } = deedOf(act, {
    ...{ seen: watch.seen(), isFull, word, context },
  });
  const key = { namespace, name: revision };
  await client.patch({ kind: REVISION, key }, { metadata: { annotations: notes } }, { signal });
  if (waitMs !== undefined) {
    using progress = new Progress({ terminal, clock });
    const look = () => {
      const status = isDone(watch.seen()) ? ("True" as const) : ("Unknown" as const);
      return { status, message: standingOf(watch.seen()).message };
    };
    const waiting = { clock, progress, waitMs, step: `updating the routes of ${name}`, look };
    const { isLate } = await until(watch.view, waiting);
    if (isLate) throw failure(`${name}: the rollout has not followed in time`);
  }
  terminal.say(`${name}: ${says}`);
  await print(performing, watch.seen());
}

async function print({ context, isJson }: Showing, seen: Parameters<typeof standingOf>[0]) {
  const standing = standingOf(seen);
  if (isJson) return await context.terminal.printJson(standingAsJson(seen, standing));
  await context.terminal.print(standingLines(seen, standing, context).join("\n"));
}

function unknown(action: string) {
  const all = ["status", ...ACTS];
  const meant = didYouMean(action, all);
  return wrongUsage(`There is no "rollout ${action}"${meant}: want one of ${all.join(", ")}`);
}
