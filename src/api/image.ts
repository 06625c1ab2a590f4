const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::\d{1,5})?$/;
const STEP = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** The longest that container engines take for the path of an image, and for a host. */
const CHARS_MAX = 255;

/** Why `image` is no name of an image, as container engines write it, or nothing. */
export function whyBadImage(image: string): string | undefined {
  const [rest = "", digest, ...more] = image.split("@", 3);
  if (more.length > 0) return "there may be one '@'";
  if (digest !== undefined && !DIGEST.test(digest)) {
    return "after the '@' there must be sha256: and 64 hexadecimal digits";
  }
  const slash = rest.indexOf("/");
  const first = rest.slice(0, Math.max(0, slash));
  const hasHost = /[.:A-Z]/.test(first) || first === "localhost";
  if (hasHost && !isHost(first)) return `"${first.slice(0, CHARS_MAX)}" is no host`;
  const path = hasHost ? rest.slice(slash + 1) : rest;
  const colon = path.indexOf(":");
  if (colon !== -1 && !TAG.test(path.slice(colon + 1))) {
    return "a tag is up to 128 letters, digits, '_', '.' and '-'";
  }
  const repository = colon === -1 ? path : path.slice(0, colon);
  if (repository.length > CHARS_MAX) return `its path is over ${CHARS_MAX} characters`;
  const bad = repository.split("/").find((step) => !STEP.test(step));
  if (bad === undefined) return undefined;
  if (bad === "") return "a part of its path is empty";
  return `"${bad}" is not lower-case letters and digits, with '.', '_' or '-' between them`;
}

function isHost(host: string): boolean {
  return host.length <= CHARS_MAX && !/\.\.|-\.|\.-/.test(host) && HOST.test(host);
}
