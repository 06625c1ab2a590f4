import { type Asked, type Command, type Context, defined, type Flag } from "./command.ts";
import { wrongUsage } from "./failure.ts";
import { COMMON } from "./flags.ts";

/** The command that tells shells of all the others. */
export function completionOf(commands: readonly Command[]): Command {
  return {
    name: "completion",
    group: "More",
    summary: "Print what teaches a shell to complete commands and flags",
    args: [{ form: "SHELL", meaning: "bash, zsh or fish" }],
    examples: [
      { line: "completion bash > /etc/bash_completion.d/varve", meaning: "For all users." },
      { line: "completion fish | source", meaning: "For this fish." },
    ],
    run: (asked, context) => run(asked, context, commands),
  };
}

async function run(
  { args }: Asked,
  { terminal }: Context,
  commands: readonly Command[],
): Promise<undefined> {
  const [first] = args;
  const shell = defined(first);
  const write = SCRIPTS[shell];
  if (write === undefined)
    throw wrongUsage(`There is no completion for "${shell}": want bash, zsh or fish`);
  await terminal.write(write(commands.filter(({ isHidden = false }) => !isHidden)));
}

const SCRIPTS: Readonly<Record<string, (commands: readonly Command[]) => string>> = {
  bash,
  zsh: (commands) =>
    `#compdef varve\nautoload -U +X bashcompinit && bashcompinit\n${bash(commands)}`,
  fish,
};

function bash(commands: readonly Command[]): string {
  const names = commands.map(({ name }) => name);
  const cases = commands.map((command) => {
    return `    ${command.name}) words="${flagsOf(command).map(dashed).join(" ")}" ;;`;
  });
  return [
    "_varve() {",
    `  local current="\${COMP_WORDS[COMP_CWORD]}" words="" word=""`,
    `  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do`,
    `    case "$word" in ${names.join("|")}) break ;; esac`,
    '    word=""',
    "  done",
    '  case "$word" in',
    `    "") words="${names.join(" ")} ${COMMON.map(dashed).join(" ")} --help" ;;`,
    ...cases,
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    "}",
    "complete -o default -F _varve varve",
    "",
  ].join("\n");
}

function fish(commands: readonly Command[]): string {
  const lines = commands.flatMap((command) => [
    `complete -c varve -n __fish_use_subcommand -a ${command.name} -d '${said(command.summary)}'`,
    ...flagsOf(command).map(({ name, short, value, meaning }) => {
      const seen = `'__fish_seen_subcommand_from ${command.name}'`;
      const letter = short === undefined ? "" : ` -s ${short}`;
      const takes = value === undefined ? "" : " -r";
      return `complete -c varve -n ${seen} -l ${name}${letter}${takes} -d '${said(meaning)}'`;
    }),
  ]);
  return `${lines.join("\n")}\n`;
}

function flagsOf({ flags = [] }: Command): readonly Flag[] {
  return [...flags, ...COMMON].filter(({ isHidden = false }) => !isHidden);
}

function dashed({ name }: Flag): string {
  return `--${name}`;
}

function said(text: string): string {
  return text.replaceAll("'", "\\'");
}
