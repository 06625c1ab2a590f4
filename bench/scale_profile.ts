import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { claim, rounded } from "./report.ts";

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const SHOWN = 12;

/** Says of the largest profile in a directory what of its time each room and function took. */
export function reportProfile(directory: string): void {
  const texts = readdirSync(directory).map((name) => readFileSync(join(directory, name), "utf8"));
  const [text] = texts.toSorted((one, other) => other.length - one.length);
  if (text === undefined) throw new Error("Node wrote no profile");
  const profile: Profile = JSON.parse(text);
  tell(
    "by room",
    sums(profile, ({ url }) => roomOf(url)),
  );
  tell(
    "by function",
    sums(profile, ({ functionName, url }) => `${functionName} ${placeOf(url)}`),
  );
}

type Frame = ProfileNode["callFrame"];

/** Microseconds by what `nameOf` says, without those in which nothing was done. */
function sums({ nodes, samples, timeDeltas }: Profile, nameOf: (frame: Frame) => string) {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const all = new Map<string, number>();
  for (const [at, id] of samples.entries()) {
    const frame = frames.get(id);
    if (frame === undefined || frame.functionName === "(idle)") continue;
    const name = nameOf(frame);
    all.set(name, (all.get(name) ?? 0) + (timeDeltas[at] ?? 0));
  }
  return all;
}

function tell(title: string, all: ReadonlyMap<string, number>): void {
  const total = [...all.values()].reduce((sum, it) => sum + it, 0);
  claim("scale", `  ${rounded(total / 1000)} ms at work, ${title}:`);
  const sorted = [...all].toSorted(([, one], [, other]) => other - one);
  for (const [name, us] of sorted.slice(0, SHOWN)) {
    claim("scale", `    ${((us / total) * 100).toFixed(1).padStart(5)} %  ${name}`);
  }
}

function roomOf(url: string): string {
  const [, ours] = /\/src\/([^/]+(?:\/[^/]+(?=\/))?)/.exec(url) ?? [];
  const [, theirs] = /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? [];
  return theirs ?? ours ?? (url === "" ? "the machine: garbage, natives" : "Node");
}

function placeOf(url: string): string {
  return url.replace(/^.*\/(src|node_modules)\//, "");
}
