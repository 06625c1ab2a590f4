import { Command as Commander, CommanderError, InvalidArgumentError, Option } from "commander";
import { systemChance } from "../base/chance.ts";
import { systemClock } from "../base/clock.ts";
import { readKubeconfig } from "../client/kubeconfig.ts";
import { KubernetesClient } from "../client/kubernetes.ts";
import type { Argument, Command, Context, Flag, Server } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { type Environment, processEnvironment } from "./environment.ts";
import { explain } from "./explain.ts";
import type { ExitCode } from "./failure.ts";
import { findKubeconfig, serveLine } from "./find_server.ts";
import { COMMON, Flags } from "./flags.ts";
import { quoted } from "./quoted.ts";
import { Terminal } from "./terminal.ts";

/** Runs one command line, without the name of the program. Answers with the exit code. */
export async function run(
  args: readonly string[],
  environment: Environment = processEnvironment(),
): Promise<ExitCode> {
  const terminal = new Terminal(environment);
  let exitCode: ExitCode = 0;
  const program = programFor(environment, async (command, asked, flags) => {
    exitCode = await perform(command, { args: asked, flags, environment, terminal });
  });
  try {
    // Without a word there is nothing to do but to say what can be done.
    await program.parseAsync(args.length === 0 ? ["--help"] : args, { from: "user" });
    return exitCode;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    return thrown.exitCode === 0 ? 0 : 2;
  }
}

interface Performing {
  readonly args: readonly string[];
  readonly flags: Flags;
  readonly environment: Environment;
  readonly terminal: Terminal;
}

async function perform(command: Command, performing: Performing): Promise<ExitCode> {
  const { args, flags, environment, terminal } = performing;
  const { signal, program } = environment;
  let kubeconfig: string | undefined;
  await using opened = new AsyncDisposableStack();
  const context: Context = {
    ...{ environment, terminal, signal, clock: systemClock, chance: systemChance },
    isJson: flags.has("json"),
    command: (words) => `${program} ${words}${placeOf(flags)}`,
    async connect() {
      kubeconfig = await findKubeconfig(flags, environment);
      return await connect(kubeconfig, { flags, terminal, opened });
    },
  };
  try {
    return (await command.run({ args, flags }, context)) ?? 0;
  } catch (thrown) {
    const serve = serveLine(flags, program);
    const isInterrupted = signal.aborted;
    const options = { program, serve, kubeconfig, isInterrupted };
    const { message, hints, exitCode } = explain(thrown, options);
    // As by `varve get pods | head -1`: who has read enough has got what was wanted.
    if (environment.output.destroyed) return 0;
    terminal.say(`${terminal.styleSaid("red", "error:")} ${message}`);
    for (const hint of hints) terminal.say(`  ${hint}`);
    return exitCode;
  }
}

interface Connecting {
  readonly flags: Flags;
  readonly terminal: Terminal;
  readonly opened: AsyncDisposableStack;
}

async function connect(
  kubeconfig: string,
  { flags, terminal, opened }: Connecting,
): Promise<Server> {
  const connection = await readKubeconfig(kubeconfig);
  const warn = (message: string) =>
    terminal.say(`${terminal.styleSaid("yellow", "warning:")} ${message}`);
  const client = new KubernetesClient(connection, {
    onWarning: warn,
    onLost: ({ message }) => warn(`${message}; trying again`),
  });
  opened.use(client);
  const { server: address } = connection;
  return {
    client,
    address,
    kubeconfig,
    namespace: flags.text("namespace") ?? connection.namespace,
  };
}

/** What says again which server and which namespace is meant. */
function placeOf(flags: Flags): string {
  const said = ["namespace", "home", "kubeconfig"].flatMap((name) => {
    const value = flags.text(name);
    const dash = name === "namespace" ? "-n" : `--${name}`;
    return value === undefined ? [] : [` ${dash} ${quoted(value)}`];
  });
  return said.join("");
}

type Perform = (command: Command, args: readonly string[], flags: Flags) => Promise<void>;

const AFTER = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not allowed by a safety check.
The server is found by --kubeconfig, --home, VARVE_KUBECONFIG, VARVE_HOME, .varve in this
directory, or the usual home, $XDG_DATA_HOME/varve or ~/.local/share/varve.`;

/** The whole command line, as commander knows it. */
function programFor(environment: Environment, act: Perform): Commander {
  const { output, errors } = environment;
  const program = new Commander("varve")
    .description("Runs every version of your services side by side, and splits traffic among them.")
    .usage("COMMAND [flags]")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.write(text),
      writeErr: (text) => errors.write(text),
      getOutHelpWidth: () => output.columns || 80,
      getErrHelpWidth: () => errors.columns || 80,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .configureHelp({ showGlobalOptions: true, subcommandTerm: (command) => command.name() })
    .helpOption("-h, --help", "this text")
    .commandsGroup("More:")
    .helpCommand("help [COMMAND]", "this text, or that of a command")
    .addHelpText("after", AFTER)
    .showHelpAfterError("Try: varve --help");
  for (const flag of COMMON) program.addOption(optionOf(flag));
  for (const command of COMMANDS) {
    const { isHidden: hidden = false } = command;
    program.addCommand(commandOf(command, program, act), { hidden });
  }
  return program;
}

function commandOf(command: Command, program: Commander, act: Perform): Commander {
  const { name, summary, text, args = [], flags = [], examples } = command;
  const lines = examples.map(({ line, meaning }) => `  varve ${line}\n      ${meaning}`);
  const made = new Commander(name)
    .copyInheritedSettings(program)
    .summary(summary)
    .description(text ?? `${summary}.`)
    .helpGroup(`${command.group}:`)
    .showHelpAfterError(`Try: varve ${name} --help`)
    .addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
  for (const argument of args) made.argument(formOf(argument), argument.meaning);
  for (const flag of flags) made.addOption(optionOf(flag));
  made.action(async () => {
    await act(command, made.args, flagsOf([...COMMON, ...flags], made.optsWithGlobals()));
  });
  return made;
}

/** "NAME" is asked for, "[NAME]" is not; both may go on with "...". */
function formOf({ form }: Argument): string {
  return form.startsWith("[") ? form : `<${form}>`;
}

function optionOf({ name, short, value, meaning, isMany, isHidden }: Flag): Option {
  const long = value === undefined ? `--${name}` : `--${name} <${value}>`;
  const said = isMany ? `${meaning}; may be repeated` : meaning;
  const option = new Option(short === undefined ? long : `-${short}, ${long}`, said);
  if (value !== undefined) option.argParser<string[]>(given);
  return isHidden ? option.hideHelp() : option;
}

function given(text: string, before: readonly string[] = []): string[] {
  if (text === "" || /^--\w/.test(text)) throw new InvalidArgumentError("It needs a value.");
  return [...before, text];
}

/** What commander read, by the names of our flags: it turns "no-wait" into "wait", which is off. */
function flagsOf(flags: readonly Flag[], values: Readonly<Record<string, unknown>>): Flags {
  const entries = flags.flatMap((flag): [string, readonly string[]][] => {
    const option = optionOf(flag);
    const value = values[option.attributeName()];
    if (Array.isArray(value)) return [[flag.name, value]];
    return value === !option.negate ? [[flag.name, []]] : [];
  });
  return new Flags(new Map(entries));
}
