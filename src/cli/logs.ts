import { POD, type Pod } from "../api/pod.ts";
import type { PodLogOptions } from "../client/kubernetes.ts";
import { type Asked, type Command, type Context, defined, type Server } from "./command.ts";
import { wrongUsage } from "./failure.ts";
import type { Flags } from "./flags.ts";
import { followPods } from "./logs/follow.ts";
import { linesOfPod, merged, Place, type PodLine } from "./logs/pod_lines.ts";
import { findSources, type Sources } from "./logs/pods.ts";
import type { Style } from "./terminal.ts";

export const LOGS: Command = {
  name: "logs",
  group: "Look",
  summary: "Show what instances write, or what a build said",
  text:
    "Shows what the instances of a service or a revision write, all of them together, each line " +
    "with its instance before it; or what one Pod writes; or what a build said.",
  args: [{ form: "NAME", meaning: "of a service, a revision or a Pod" }],
  flags: [
    { name: "follow", short: "f", meaning: "go on with what comes, also of new instances" },
    { name: "tail", value: "N", meaning: "only the last N lines of what is there" },
    { name: "since", value: "TIME", meaning: 'only what was written since, such as "5m" ago' },
    { name: "build", meaning: "what the build said, of a service the latest one's" },
    { name: "previous", meaning: "of the run before this one, after a crash" },
    { name: "timestamps", meaning: "with the time of each line" },
  ],
  examples: [
    { line: "logs shop -f", meaning: "Follow all instances of a service." },
    { line: "logs shop-00003 --since 10m", meaning: "What a revision wrote in ten minutes." },
    { line: "logs shop --build", meaning: "What the last build said." },
    { line: "logs shop --tail 100 --json", meaning: "An object a line, for programs." },
  ],
  run,
};

async function run({ args, flags }: Asked, context: Context): Promise<undefined> {
  const [first] = args;
  const isFollowed = flags.has("follow");
  if (isFollowed && flags.has("previous")) {
    throw wrongUsage("--previous is about what has ended, and --follow about what comes");
  }
  const options = optionsFrom(flags);
  const server = await context.connect();
  const sources = await findSources(defined(first), flags.has("build"), { context, server });
  const printer = new Printer(context, sources, flags.has("timestamps"));
  const print = (line: PodLine) => printer.print(line);
  const places = new Map<string, Place>();
  const follow = { context, server, sources, places, options: {}, print };
  try {
    const { items } = await server.client.list(POD, { ...sources.which, signal: context.signal });
    await printPast(items, { ...follow, options });
    if (isFollowed) await followPods(follow);
    else if (items.length === 0) tellNobody(sources, flags, context);
  } catch (thrown) {
    // Who follows ends it so, at whatever moment: there is no other end.
    if (!isFollowed || !context.signal.aborted) throw thrown;
  }
}

function optionsFrom(flags: Flags): PodLogOptions {
  const tailLines = flags.whole("tail");
  const sinceMs = flags.durationMs("since");
  return {
    ...(tailLines !== undefined && { tailLines }),
    ...(sinceMs !== undefined && { sinceSeconds: Math.ceil(sinceMs / 1000) }),
    ...(flags.has("previous") && { previous: true }),
  };
}

interface Printing {
  readonly context: Context;
  readonly server: Server;
  readonly options: PodLogOptions;
  readonly places: Map<string, Place>;
  readonly print: (line: PodLine) => Promise<void>;
}

/** What is there, of all Pods together and by time. */
async function printPast(pods: readonly Pod[], printing: Printing): Promise<void> {
  const { context, server, options, places, print } = printing;
  const { signal } = context;
  const logs = pods.map(({ metadata }) => {
    const place = new Place();
    places.set(metadata.uid, place);
    return passing(linesOfPod(server.client, metadata, { ...options, signal }), place);
  });
  const { tailLines } = options;
  const lines =
    logs.length > 1 && tailLines !== undefined ? lastOf(merged(logs), tailLines) : merged(logs);
  for await (const line of lines) {
    if (signal.aborted) return;
    await print(line);
  }
}

async function* passing(lines: AsyncIterable<PodLine>, place: Place): AsyncIterable<PodLine> {
  for await (const line of lines) {
    place.pass(line);
    yield line;
  }
}

async function* lastOf(lines: AsyncIterable<PodLine>, count: number): AsyncIterable<PodLine> {
  const kept: PodLine[] = [];
  for await (const line of lines) if (kept.push(line) > count) kept.shift();
  yield* kept;
}

function tellNobody({ title }: Sources, flags: Flags, { terminal, command }: Context): void {
  if (flags.has("build")) {
    terminal.say(`There is no log of ${title}: it was not built here`);
    return;
  }
  terminal.say(`Nothing of ${title} runs now`);
  const name = /"(.*)"/.exec(title)?.[1] ?? "";
  terminal.say(
    `Why: ${command(`describe ${name}`)}; its build: ${command(`logs ${name} --build`)}`,
  );
}

const STYLES: readonly Style[] = ["cyan", "magenta", "green", "yellow", "blue"];

/** Writes lines, each with who wrote it before it. */
class Printer {
  readonly #context: Context;
  readonly #sources: Sources;
  readonly #isTimed: boolean;
  readonly #styles = new Map<string, Style>();

  constructor(context: Context, sources: Sources, isTimed: boolean) {
    this.#context = context;
    this.#sources = sources;
    this.#isTimed = isTimed;
  }

  async print({ at, pod, text }: PodLine): Promise<void> {
    const { terminal, isJson } = this.#context;
    if (isJson) {
      await terminal.print(JSON.stringify({ at, instance: pod, line: text }));
      return;
    }
    const time = this.#isTimed ? `${at} ` : "";
    await terminal.print(`${time}${this.#head(pod)}${text}`);
  }

  #head(pod: string): string {
    const { prefix, isSingle } = this.#sources;
    if (isSingle) return "";
    const short = pod.startsWith(prefix) ? pod.slice(prefix.length) : pod;
    const style = this.#styles.get(pod) ?? STYLES[this.#styles.size % STYLES.length] ?? "cyan";
    this.#styles.set(pod, style);
    return `${this.#context.terminal.style(style, `[${short}]`)} `;
  }
}
