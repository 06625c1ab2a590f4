import { groupOf } from "../../api/group.ts";
import type { Kind } from "../../api/kind.ts";
import { KINDS } from "../../api/kinds.ts";
import { didYouMean } from "../closest.ts";
import { wrongUsage } from "../failure.ts";

/** The kinds that a word means: "ksvc", "services", "revisions,routes", "all". Throws `Failure`. */
export function kindsNamed(words: string): readonly Kind[] {
  const found = words.split(",").flatMap((word) => {
    const inCategory = KINDS.filter(({ categories = [] }) => categories.includes(word));
    return inCategory.length > 0 ? inCategory : [kindNamed(word)];
  });
  return [...new Set(found)];
}

/** The one kind that a word means. Throws `Failure`. */
export function kindNamed(word: string): Kind {
  const meant = word.toLowerCase();
  const found = KINDS.find((kind) => wordsFor(kind).includes(meant));
  if (found !== undefined) return found;
  const known = KINDS.flatMap(wordsFor).filter((it) => !it.includes("."));
  const all = KINDS.map(({ plural }) => plural).join(", ");
  throw wrongUsage(`There is no kind "${word}"${didYouMean(meant, known)}`, `Kinds: ${all}`);
}

/** Everything that one may call a kind. */
function wordsFor({ apiVersion, kind, plural, singular, shortNames = [] }: Kind) {
  const group = groupOf(apiVersion);
  const words = [plural, singular, kind.toLowerCase(), ...shortNames];
  return group === "" ? words : [...words, `${plural}.${group}`, `${singular}.${group}`];
}

/** "service.serving.knative.dev/hello", "configmap/settings": as `-o name` has it. */
export function fullName({ apiVersion, singular }: Kind, name: string): string {
  const group = groupOf(apiVersion);
  return `${singular}${group === "" ? "" : `.${group}`}/${name}`;
}
