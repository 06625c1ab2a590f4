import type { PackageJson } from "./package_json.ts";

export interface CommandOptions {
  /** It was written for a shell, and goes through one in any case. */
  readonly isShell?: boolean;
  /** What to run before it, in a shell of its own. */
  readonly before?: string;
  /** Names in `node_modules/.bin` of the app, which stand before all other tools. */
  readonly bins: ReadonlySet<string>;
}

/** Words that a shell would leave as they are. */
const PLAIN = /^[\w@%+:,./=-]+(?: +[\w@%+:,./=-]+)*$/;
const ASSIGNMENTS = /^(?:[A-Za-z_]\w*=(?:"[^"]*"|'[^']*'|[^\s"'])*(?:\s+|$))*/;
/** What `exec` would take for a program, and the shell knows better. */
const OWN_WORDS = startingWith(
  ". : [ { ( ! alias break cd command continue eval exec exit export read return set shift " +
    "source trap type ulimit umask unset wait",
);
/** What makes a command more than simple ones in a row. */
const INVOLVED = /[|()`\n#]|<<|(?<![&>])&(?!&)|;;/;
/** What begins or ends a longer construct, or is still to be done when the command ends. */
const CONSTRUCTS = startingWith(
  "{ } case do done elif else esac fi for function if then trap until while",
);

/**
 * How an image starts a command line: by itself when it has plain words only, or else through a
 * shell, which gives way to it wherever that can be seen to be safe.
 */
export function entrypointOf(
  command: string,
  { isShell = false, before, bins }: CommandOptions,
): readonly string[] {
  const words = command.trim().split(/ +/);
  const [first = ""] = words;
  // Node finds its own modules. Other tools may stand in the app, and are then found there.
  const isDirect = first === "node" || bins.size === 0;
  const isPlain = PLAIN.test(command.trim()) && !first.includes("=") && !OWN_WORDS.test(first);
  if (!isShell && before === undefined && isPlain && isDirect) return words;
  const path = bins.size === 0 ? "" : 'export PATH="$PWD/node_modules/.bin:$PATH"; ';
  const head = before === undefined ? "" : `(${before}\n) && `;
  return ["sh", "-c", `${path}${head}${giveWay(command.trim())}`];
}

/** The same command line, whose last program takes the place of the shell. */
function giveWay(command: string): string {
  const masked = withoutQuoted(command);
  const parts = masked.split(/&&|;/);
  if (INVOLVED.test(masked) || parts.some((part) => CONSTRUCTS.test(part.trim()))) return command;
  const start = masked.length - (parts.at(-1)?.trimStart().length ?? 0);
  const [assignments] = ASSIGNMENTS.exec(command.slice(start)) ?? [""];
  const at = start + assignments.length;
  const program = command.slice(at);
  if (program === "" || OWN_WORDS.test(program)) return command;
  return `${command.slice(0, at)}exec ${program}`;
}

/** As long as the command, with what is in quotes or escaped blotted out. */
function withoutQuoted(command: string): string {
  const blot = (text: string) => "x".repeat(text.length);
  // In double quotes a shell still runs what stands in `$(…)` or backquotes.
  return command.replace(/\\.|'[^']*'|"(?:\\.|[^"\\`$])*(?:\$(?!\()(?:\\.|[^"\\`$])*)*"/gs, blot);
}

/** Where Node looks for the main file of an app. */
export function mainPaths({ main = "index.js" }: PackageJson): readonly string[] {
  const path = main.replace(/^(\.\/)+|\/+$/g, "");
  const base = path === "." || path === "" ? "" : path;
  const index = base === "" ? "index.js" : `${base}/index.js`;
  return base === "" ? [index] : [base, `${base}.js`, index];
}

/** How a Node app is started: as it says, by `server.js`, or by its main file. */
export function nodeEntrypoint(
  packageJson: PackageJson,
  hasFile: (path: string) => boolean,
  bins: ReadonlySet<string>,
): readonly string[] | undefined {
  const { start, prestart } = packageJson.scripts;
  if (start !== undefined) {
    return entrypointOf(start, { bins, ...(prestart !== undefined && { before: prestart }) });
  }
  if (hasFile("server.js")) return ["node", "server.js"];
  const main = mainPaths(packageJson).find(hasFile);
  return main === undefined ? undefined : ["node", main];
}

function startingWith(words: string): RegExp {
  const literal = words.split(" ").map((word) => word.replace(/[.[{(}!]/, "\\$&"));
  return new RegExp(`^(?:${literal.join("|")})(?=\\s|$)`);
}
