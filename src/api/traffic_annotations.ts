import { ANNOTATION } from "./labels.ts";
import type { DraftMeta } from "./meta.ts";
import { whyBadName } from "./name.ts";
import { checkToken } from "./traffic_match_check.ts";
import type { StickyBy, TrafficPolicySpec } from "./traffic_policy_schema.ts";
import { at, invalidValue, type Violation } from "./violation.ts";

/** The cookie that the gateway gives to those who have none, when nobody names another. */
export const STICKY_COOKIE = "varve-key";

const PATH = "metadata.annotations";

/**
 * What annotations of a Service or Route say of steering: the short form of what a TrafficPolicy
 * can say at length, and says with more weight.
 */
export function annotatedPolicy(annotations: DraftMeta["annotations"] = {}): TrafficPolicySpec {
  const { sticky: by, mirror: copy, allowRevisionHeader: allow } = ANNOTATION;
  const sticky = readSticky(annotations[by]);
  const mirror = readMirror(annotations[copy]);
  return {
    ...(sticky !== undefined && { sticky }),
    ...(mirror !== undefined && { mirrors: [mirror] }),
    ...(annotations[allow] === "true" && { allowRevisionHeader: true }),
  };
}

/** What is wrong with those annotations. */
export function checkTrafficAnnotations(
  annotations: DraftMeta["annotations"] = {},
): readonly Violation[] {
  const { sticky, mirror, allowRevisionHeader } = ANNOTATION;
  const { [sticky]: by, [mirror]: copy, [allowRevisionHeader]: allow } = annotations;
  return [...checkSticky(at(PATH, sticky), by), ...checkMirror(at(PATH, mirror), copy)].concat(
    allow === undefined || allow === "true" || allow === "false"
      ? []
      : [invalidValue(at(PATH, allowRevisionHeader), allow, 'want "true" or "false"')],
  );
}

function checkSticky(field: string, text: string | undefined): readonly Violation[] {
  if (text === undefined) return [];
  const read = readSticky(text);
  if (read !== undefined) return checkToken(field, read.header ?? read.cookie);
  const want = 'want "header:NAME", "cookie:NAME", "cookie" or "client-address"';
  return [invalidValue(field, text, `${want}; by a claim it goes by a TrafficPolicy`)];
}

function readSticky(text = ""): StickyBy | undefined {
  if (text === "client-address") return { clientAddress: true };
  if (text === "cookie") return { cookie: STICKY_COOKIE, issue: true };
  const [, by, name = ""] = /^(header|cookie):(.+)$/.exec(text) ?? [];
  return by === undefined ? undefined : { [by]: name };
}

function checkMirror(field: string, text: string | undefined): readonly Violation[] {
  const read = text === undefined ? undefined : readMirror(text);
  if (text === undefined) return [];
  const why = read === undefined ? "" : whyBadName("dns1035", read.revision);
  if (why === undefined && read !== undefined && read.percent > 0 && read.percent <= 100) return [];
  const want = 'want REVISION=PERCENT, such as "hello-00002=5" or "hello-00002=0.5"';
  return [invalidValue(field, text, `${want}, from 0.1 to 100`)];
}

function readMirror(text = "") {
  const [, revision, percent] = /^([^=]+)=(\d{1,3}(?:\.\d)?)$/.exec(text) ?? [];
  return revision === undefined ? undefined : { revision, percent: Number(percent) };
}
