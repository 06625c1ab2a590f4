import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { GitLogin, Logins } from "./build.ts";

interface LoginHome {
  /** The directory that is written to. */
  readonly directory: string;
  /** Where whoever reads it finds that directory. */
  readonly home: string;
}

/** The settings that git needs to use the logins of a home. */
export function gitSettingsOf({ git }: Logins): string {
  return git.some(({ type }) => type === "basic") ? "[credential]\n\thelper = store\n" : "";
}

/** Writes logins into a home, as git, ssh and docker look for them there. */
export async function writeLogins(logins: Logins, { directory, home }: LoginHome): Promise<void> {
  const put = async (path: string, text: string) => {
    const file = join(directory, path);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, text, { mode: 0o600 });
    await chmod(file, 0o600);
  };
  // Whoever's the files are, nothing in them is run by git.
  await put(".gitconfig", `[safe]\n\tdirectory = *\n${gitSettingsOf(logins)}`);
  if (logins.git.some(({ type }) => type === "basic")) {
    await put(".git-credentials", logins.git.map(credentialLine).join(""));
  }
  const keys = logins.git.flatMap((login) => (login.type === "ssh" ? [login] : []));
  for (const { name, key } of keys) await put(`.ssh/id_${name}`, `${key.trimEnd()}\n`);
  const known = keys.map(({ knownHosts = "" }) => knownHosts.trim()).filter((it) => it !== "");
  if (keys.length > 0) {
    await put(".ssh/known_hosts", known.map((it) => `${it}\n`).join(""));
    await put(".ssh/config", keys.map((login) => sshHost(login, home)).join(""));
  }
  if (logins.docker.length > 0) await put(".docker/config.json", dockerConfig(logins));
}

/** What none of a build's words may repeat. */
export function secretsOf({ git, docker }: Logins): readonly string[] {
  const plain = [...git, ...docker].flatMap((it) => ("password" in it ? [it.password] : []));
  return plain.flatMap((it) => [it, encodeURIComponent(it)]);
}

function credentialLine(login: GitLogin): string {
  if (login.type !== "basic") return "";
  const { protocol, host } = new URL(login.url);
  const who = [login.username, login.password].map(encodeURIComponent).join(":");
  return `${protocol}//${who}@${host}\n`;
}

function sshHost({ host, port = 22, name, knownHosts }: GitLogin & { type: "ssh" }, home: string) {
  const lines = [
    `Host ${host}`,
    `  HostName ${host}`,
    `  Port ${port}`,
    `  IdentityFile "${home}/.ssh/id_${name}"`,
    "  IdentitiesOnly yes",
    `  UserKnownHostsFile "${home}/.ssh/known_hosts"`,
    `  StrictHostKeyChecking ${knownHosts === undefined ? "accept-new" : "yes"}`,
  ];
  return `${lines.join("\n")}\n`;
}

function dockerConfig({ docker }: Logins): string {
  const auths = docker.map(({ registry, username, password }) => {
    const auth = Buffer.from(`${username}:${password}`).toString("base64");
    return [registry, { username, password, auth }];
  });
  return JSON.stringify({ auths: Object.fromEntries(auths) });
}
