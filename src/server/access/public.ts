/** What anybody may ask: whether we are well, and which versions of services there are. */
const PUBLIC: ReadonlySet<string> = new Set([
  "/healthz",
  "/livez",
  "/readyz",
  "/.well-known/version-registry",
  "/__api/version-registry",
]);

export function isPublic(path: string): boolean {
  return PUBLIC.has(path);
}
