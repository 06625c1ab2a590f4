import type { DraftMeta } from "./meta.ts";
import { at, invalidValue, type Violation } from "./violation.ts";

type Annotations = Readonly<NonNullable<DraftMeta["annotations"]>>;

const PATH = "metadata.annotations";

/** On a Route or Service: "Redirected" or "Enabled", instead of what the platform is set to. */
const HTTP_PROTOCOL = [
  "networking.knative.dev/http-protocol",
  "networking.knative.dev/httpProtocol",
] as const;

/** "true": no authority is asked for a certificate, and nothing is redirected. */
const DISABLE_TLS = [
  "networking.knative.dev/disable-external-domain-tls",
  "networking.knative.dev/disable-auto-tls",
  "networking.knative.dev/disableAutoTLS",
] as const;

/** How plain HTTP is answered, as far as annotations say it; the first spelling counts. */
export function httpProtocolOf(annotations: Annotations): string | undefined {
  return said(annotations, HTTP_PROTOCOL);
}

/** Whether no certificate is to be asked for. */
export function isTlsDisabled(annotations: Annotations): boolean {
  return said(annotations, DISABLE_TLS) === "true";
}

/** Who misspells them would be reached by plain HTTP, and think otherwise. */
export function checkNetworking(annotations: Annotations): readonly Violation[] {
  const check = (keys: readonly string[], values: readonly string[], want: string) =>
    keys.flatMap((key) => {
      const value = annotations[key];
      if (value === undefined || values.includes(value.toLowerCase())) return [];
      return [invalidValue(at(PATH, key), value, want)];
    });
  return [
    ...check(HTTP_PROTOCOL, ["enabled", "redirected"], 'want "Enabled" or "Redirected"'),
    ...check(DISABLE_TLS, ["true", "false"], 'want "true" or "false"'),
  ];
}

function said(annotations: Annotations, keys: readonly string[]): string | undefined {
  const key = keys.find((it) => annotations[it] !== undefined);
  return key === undefined ? undefined : annotations[key]?.toLowerCase();
}
