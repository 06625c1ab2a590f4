import type { Revision } from "../../api/revision.ts";
import type { Service } from "../../api/service.ts";
import { didYouMean } from "../closest.ts";
import { wrongUsage } from "../failure.ts";
import { suffixOf } from "../service_facts.ts";

/** Whom requests may go to: a revision by name, or whichever is the latest that is ready. */
export type Target = string;

export const LATEST: Target = "@latest";

/** A service, and the revisions it has. */
export interface Known {
  readonly service: Service;
  readonly revisions: readonly Revision[];
}

/**
 * Whom a word means: `@latest`, a revision, the end of its name ("00002", "2"), or a tag. Throws
 * `Failure`, which says what there is, when it is nobody or could be several.
 */
export function targetNamed(word: string, known: Known): Target {
  const names = known.revisions.map(({ metadata }) => metadata.name);
  if (word === LATEST || names.includes(word)) return word;
  const service = known.service.metadata.name;
  const meant = [
    ...names.filter((name) => isMeant(word, suffixOf(service, name))),
    ...tagged(word, known),
  ];
  const [target, ...others] = new Set(meant);
  if (target === undefined) throw unknown(word, known);
  if (others.length === 0) return target;
  const all = [target, ...others].join(" and ");
  throw wrongUsage(`"${word}" could mean ${all}: write the whole name`);
}

/** Whether a word is the end of a name: as it is, or as a number. */
function isMeant(word: string, suffix: string): boolean {
  const isNumber = /^\d+$/.test(word) && /^\d+$/.test(suffix);
  return word === suffix || (isNumber && Number(word) === Number(suffix));
}

function tagged(tag: string, { service }: Known): readonly Target[] {
  const targets = (service.spec.traffic ?? []).filter((it) => it.tag === tag);
  return targets.map(({ revisionName }) => revisionName ?? LATEST);
}

function unknown(word: string, { service, revisions }: Known) {
  const { name } = service.metadata;
  const names = revisions.map(({ metadata }) => metadata.name);
  const tags = (service.spec.traffic ?? []).flatMap(({ tag }) => tag ?? []);
  const words = [...names, ...names.map((it) => suffixOf(name, it)), ...tags, LATEST];
  const meant = didYouMean(word, words);
  const hints = [
    `Revisions: ${names.join(", ") || "none"}`,
    ...(tags.length > 0 ? [`Tags: ${tags.join(", ")}`] : []),
    `${LATEST} is the latest that is ready`,
  ];
  return wrongUsage(`Service "${name}" has no revision "${word}"${meant}`, ...hints);
}
