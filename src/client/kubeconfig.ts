import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { t, type Value } from "../base/schema.ts";
import { read } from "../base/schema_reading.ts";
import { readYaml } from "../base/yaml.ts";

const text = t.Optional(t.String());
const anything = t.Optional(t.Unknown());

/** Ways to log in, or to trust, that we do not have: without them every call would be refused. */
const UNSUPPORTED = {
  cluster: { "insecure-skip-tls-verify": anything, "proxy-url": anything },
  user: { exec: anything, "auth-provider": anything, username: anything },
};

const cluster = t.Object({
  ...UNSUPPORTED.cluster,
  server: t.String(),
  "certificate-authority": text,
  "certificate-authority-data": text,
});
const user = t.Object({
  ...UNSUPPORTED.user,
  token: text,
  tokenFile: text,
  "client-certificate": text,
  "client-certificate-data": text,
  "client-key": text,
  "client-key-data": text,
});
const context = t.Object({ cluster: t.String(), user: t.String(), namespace: text });

const schema = t.Object({
  clusters: t.Optional(t.Array(t.Object({ name: t.String(), cluster }))),
  users: t.Optional(t.Array(t.Object({ name: t.String(), user: t.Optional(user) }))),
  contexts: t.Optional(t.Array(t.Object({ name: t.String(), context }))),
  "current-context": text,
});

/** How to reach a Kubernetes API, and as whom. */
export interface Connection {
  readonly server: string;
  /** Whom to trust besides the usual, in PEM form. */
  readonly authority?: string;
  readonly token?: string;
  readonly client?: { readonly cert: string; readonly key: string };
  readonly namespace: string;
}

/** A kubeconfig cannot be used. The message names the file and what is wrong with it. */
export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
}

/** Reads the connection of a kubeconfig's current context. Throws `KubeconfigError`. */
export async function readKubeconfig(path: string): Promise<Connection> {
  const say = (why: string, cause?: unknown) =>
    new KubeconfigError(`Cannot use the kubeconfig "${path}": ${why}`, { cause });
  const content = await readText(path, say);
  const { value, problems } = read(schema, content);
  const [problem] = problems;
  if (problem !== undefined) throw say(`${problem.path || "it"}: ${problem.message}`);
  const name = value["current-context"] ?? "";
  if (name === "") throw say("it has no current-context");
  const chosen = value.contexts?.find((it) => it.name === name)?.context;
  if (chosen === undefined) throw say(`it has no context "${name}", which current-context names`);
  const place = value.clusters?.find((it) => it.name === chosen.cluster)?.cluster;
  if (place === undefined) throw say(`it has no cluster "${chosen.cluster}"`);
  const who = value.users?.find((it) => it.name === chosen.user)?.user ?? {};
  const strange = [...unsupportedIn(place, "cluster"), ...unsupportedIn(who, "user")][0];
  if (strange !== undefined) throw say(`it uses "${strange}", which is not supported here`);
  const load = new Loader(dirname(path));
  try {
    return await connectionOf({ place, who, load, namespace: chosen.namespace });
  } catch (thrown) {
    throw say(thrown instanceof Error ? thrown.message : String(thrown), thrown);
  }
}

function unsupportedIn(value: object, part: keyof typeof UNSUPPORTED): readonly string[] {
  const said = Object.entries(value).filter(([, it]) => it !== false && it !== "");
  return said.map(([key]) => key).filter((key) => key in UNSUPPORTED[part]);
}

interface Parts {
  readonly place: Value<typeof cluster>;
  readonly who: Value<typeof user>;
  readonly load: Loader;
  readonly namespace: string | undefined;
}

async function connectionOf({ place, who, load, namespace = "default" }: Parts) {
  const authority = await load.pem(
    place["certificate-authority-data"],
    place["certificate-authority"],
  );
  const cert = await load.pem(who["client-certificate-data"], who["client-certificate"]);
  const key = await load.pem(who["client-key-data"], who["client-key"]);
  const token = who.token ?? (await load.file(who.tokenFile))?.trim();
  return {
    server: place.server.replace(/\/+$/, ""),
    ...(authority !== undefined && { authority }),
    ...(token !== undefined && { token }),
    ...(cert !== undefined && key !== undefined && { client: { cert, key } }),
    namespace,
  };
}

/** Reads what a kubeconfig holds itself or refers to, by paths that begin where it is. */
class Loader {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async pem(data: string | undefined, path: string | undefined): Promise<string | undefined> {
    if (data !== undefined) return Buffer.from(data, "base64").toString("utf8");
    return await this.file(path);
  }

  async file(path: string | undefined): Promise<string | undefined> {
    return path === undefined ? undefined : await readFile(resolve(this.#directory, path), "utf8");
  }
}

async function readText(
  path: string,
  say: (why: string, cause?: unknown) => KubeconfigError,
): Promise<unknown> {
  try {
    return readYaml(await readFile(path, "utf8"));
  } catch (thrown) {
    throw say(thrown instanceof Error ? thrown.message : String(thrown), thrown);
  }
}
