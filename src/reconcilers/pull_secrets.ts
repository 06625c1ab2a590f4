import type { Secret } from "../api/secret.ts";
import type { Lister } from "../client/client.ts";
import type { Credentials } from "../oci/oci.ts";

/** What a `kubernetes.io/dockerconfigjson` holds of one registry. */
interface Auth {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
}

/** Docker Hub's names for itself. */
const DOCKER_HUB: ReadonlySet<string> = new Set([
  "docker.io",
  "index.docker.io",
  "registry-1.docker.io",
]);

/** Who may pull: the Secrets that a Revision or an account names for it. */
export interface Puller {
  readonly namespace: string | undefined;
  readonly imagePullSecrets?: readonly { readonly name?: string }[] | undefined;
}

/** The name and password for the registry of an image, from `imagePullSecrets`. */
export function credentialsFor(
  image: string,
  { namespace, imagePullSecrets = [] }: Puller,
  secrets: Lister<Secret>,
): Credentials | undefined {
  const host = hostOf(image);
  for (const { name = "" } of imagePullSecrets) {
    const secret = secrets.get({ namespace, name });
    const found = Object.entries(authsOf(secret)).find(([registry]) => isSame(registry, host));
    const credentials = found && readAuth(found[1]);
    if (credentials !== undefined) return credentials;
  }
  return undefined;
}

function authsOf(secret: Secret | undefined): Readonly<Record<string, Auth>> {
  const data = secret?.data?.[".dockerconfigjson"];
  if (data === undefined) return {};
  try {
    return JSON.parse(Buffer.from(data, "base64").toString("utf8"))?.auths ?? {};
  } catch {
    return {};
  }
}

function readAuth({ auth = "", username, password }: Auth): Credentials | undefined {
  if (username !== undefined && password !== undefined) return { username, password };
  const [user = "", ...rest] = Buffer.from(auth, "base64").toString("utf8").split(":");
  return user === "" ? undefined : { username: user, password: rest.join(":") };
}

/** The registry of an image: Docker Hub when its name has none. */
export function hostOf(image: string): string {
  const [first = "", ...rest] = image.split("/");
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  return isHost ? first : "docker.io";
}

/** Whether a registry, as settings of Docker write it, is the one on this host. */
export function isSame(registry: string, host: string): boolean {
  const plain = registry.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  return plain === host || (DOCKER_HUB.has(plain) && DOCKER_HUB.has(host));
}
