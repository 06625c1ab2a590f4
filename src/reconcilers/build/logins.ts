import type { Build } from "../../api/build.ts";
import type { Secret } from "../../api/secret.ts";
import type { ServiceAccount } from "../../api/service_account.ts";
import type { DockerLogin, GitLogin, Logins } from "../../build/build.ts";
import type { Lister } from "../../client/client.ts";

const DOCKER = /^build\.knative\.dev\/docker-\d+$/;
const GIT = /^build\.knative\.dev\/git-\d+$/;
const BASIC = "kubernetes.io/basic-auth";
const SSH = "kubernetes.io/ssh-auth";
const HOST = /^(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?)(?::(\d{1,5}))?$/;

interface Found {
  readonly logins: Logins;
  /** What is wrong, a sentence each. */
  readonly problems: readonly string[];
}

/** The logins that the account of a Build has: Secrets that say by annotation what they are for. */
export function loginsOf(
  { metadata }: Build,
  account: ServiceAccount | undefined,
  secrets: Lister<Secret>,
): Found {
  const git: GitLogin[] = [];
  const docker: DockerLogin[] = [];
  const problems: string[] = [];
  for (const { name = "" } of account?.secrets ?? []) {
    const secret = secrets.get({ namespace: metadata.namespace, name });
    if (secret === undefined) {
      problems.push(`Secret "${name}" of ServiceAccount "${account?.metadata.name}" not found`);
      continue;
    }
    for (const [key, value] of Object.entries(secret.metadata.annotations ?? {})) {
      const isGit = GIT.test(key);
      if (!isGit && !DOCKER.test(key)) continue;
      const login = isGit ? gitLogin(secret, value) : dockerLogin(secret, value);
      if (typeof login === "string") {
        problems.push(
          `BadSecretAnnotation: the annotation ${key}: "${value}" of Secret "${name}": ${login}`,
        );
      } else if ("registry" in login) docker.push(login);
      else git.push(login);
    }
  }
  return { logins: { git, docker }, problems };
}

/** Or what is wrong with it. */
function gitLogin(secret: Secret, value: string): GitLogin | string {
  const { type, metadata } = secret;
  if (type === BASIC) {
    const url = URL.parse(value);
    if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "") {
      return "want the address of a git host for this user, such as https://github.com";
    }
    return { type: "basic", url: url.origin, ...basicOf(secret) };
  }
  if (type !== SSH) return `want a Secret of type ${BASIC} or ${SSH}, and this is ${type}`;
  const [, host, , port] = HOST.exec(value) ?? [];
  if (host === undefined || Number(port ?? 22) > 65535) {
    return "want a git host for this key, such as github.com or example.com:2222";
  }
  const knownHosts = textOf(secret, "known_hosts");
  return {
    type: "ssh",
    host: host.replace(/^\[|\]$/g, ""),
    name: metadata.name,
    key: textOf(secret, "ssh-privatekey") ?? "",
    ...(port !== undefined && { port: Number(port) }),
    ...(knownHosts !== undefined && { knownHosts }),
  };
}

function dockerLogin(secret: Secret, value: string): DockerLogin | string {
  if (secret.type !== BASIC) return `want a Secret of type ${BASIC}, and this is ${secret.type}`;
  const isHost = HOST.test(value.replace(/\/.*$/, ""));
  const url = URL.parse(value);
  const isUrl = url !== null && /^https?:$/.test(url.protocol) && url.username === "";
  if (!isHost && !isUrl) return "want a registry, such as https://index.docker.io/v1/ or gcr.io";
  return { registry: value, ...basicOf(secret) };
}

function basicOf(secret: Secret) {
  return {
    username: textOf(secret, "username") ?? "",
    password: textOf(secret, "password") ?? "",
  };
}

function textOf({ data = {} }: Secret, key: string): string | undefined {
  const value = data[key];
  return value === undefined ? undefined : Buffer.from(value, "base64").toString("utf8");
}
