import { open, rm } from "node:fs/promises";
import { resolve } from "node:path";
import {
  CERTIFICATE_REQUEST,
  type CertificateRequest,
  CLIENT_SIGNER,
} from "../api/certificate_request.ts";
import { makeCertificateRequest } from "../base/certificate.ts";
import { writeYaml } from "../base/yaml.ts";
import { readKubeconfig } from "../client/kubeconfig.ts";
import type { KubernetesClient } from "../client/kubernetes.ts";
import { type Asked, type Command, type Context, defined, type Server } from "./command.ts";
import { failure, notSafe, wrongUsage } from "./failure.ts";
import { quoted } from "./quoted.ts";

export const USER: Command = {
  name: "user",
  group: "Server",
  summary: "Let somebody in: make a kubeconfig with a certificate of their own",
  text:
    "Makes a key and a certificate that the server's own authority signs, and writes them to a " +
    "kubeconfig. What they may do is for Roles to say: nothing yet, beyond asking what they may.",
  args: [{ form: "NAME", meaning: "the user, as RoleBindings name them" }],
  flags: [
    { name: "group", value: "GROUP", isMany: true, meaning: "a group that they are in" },
    { name: "days", value: "N", meaning: "for how long it lets them in, up to 365 (default 365)" },
    { name: "out", value: "FILE", meaning: "the file to write (default: NAME.kubeconfig)" },
  ],
  examples: [
    { line: "user alice --group dev", meaning: "Then: kubectl --kubeconfig alice.kubeconfig …" },
  ],
  run,
};

async function run({ args, flags }: Asked, context: Context): Promise<undefined> {
  const name = defined(args[0]);
  const organizations = flags.all("group");
  const days = daysOf(flags.text("days") ?? "365");
  const { environment, terminal } = context;
  const path = resolve(environment.directory, flags.text("out") ?? `${name}.kubeconfig`);
  const server = await context.connect();
  await using file = await openNew(path);
  try {
    const { request, key } = await makeCertificateRequest({ name, organizations });
    const certificate = await certified(request, { context, client: server.client, days });
    await file.writeFile(writeYaml(await kubeconfigOf(server, { name, certificate, key })));
    await file.sync();
  } catch (thrown) {
    await rm(path, { force: true });
    throw thrown;
  }
  if (context.isJson) {
    await terminal.printJson({ file: path, user: name, groups: organizations, days });
    return;
  }
  await terminal.print(`Wrote ${path}: lets ${name} in for ${days} days`);
  const who = `${quoted(name)} --clusterrole=edit --user=${quoted(name)}`;
  const binding = `kubectl create rolebinding ${who}`;
  terminal.say(`Say what they may do, such as: ${binding} -n ${server.namespace}`);
}

function daysOf(text: string): number {
  if (/^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= 365) return Number(text);
  throw wrongUsage(`--days is "${text}": want a whole number from 1 to 365`);
}

/** Nobody's key is overwritten, and nobody else may read it. */
async function openNew(path: string) {
  try {
    return await open(path, "wx", 0o600);
  } catch (thrown) {
    if (!(thrown instanceof Error && "code" in thrown && thrown.code === "EEXIST")) throw thrown;
    throw notSafe(`"${path}" is there already`, "Name another file by --out");
  }
}

interface Certifying {
  readonly context: Context;
  readonly client: KubernetesClient;
  readonly days: number;
}

/** By the same requests that `kubectl certificate approve` makes. */
async function certified(request: string, { context, client, days }: Certifying): Promise<string> {
  const { apiVersion, kind, plural } = CERTIFICATE_REQUEST;
  const made = await client.create<CertificateRequest>({
    ...{ apiVersion, kind, metadata: { generateName: "user-" } },
    spec: {
      request: Buffer.from(request).toString("base64"),
      signerName: CLIENT_SIGNER,
      expirationSeconds: days * 24 * 3600,
      usages: ["client auth"],
    },
  });
  const reason = "ByVarveUser";
  const message = "by varve user";
  const approved = { type: "Approved", status: "True", reason, message };
  const path = `/apis/${apiVersion}/${plural}/${made.metadata.name}/approval`;
  const body = { ...made, status: { conditions: [approved] } };
  const { signal } = context;
  const { status } = await client.send<CertificateRequest>("PUT", path, { body, signal });
  await client.delete(made);
  const failed = status?.conditions?.find(({ type }) => type === "Failed");
  if (failed !== undefined) throw failure(`No certificate was issued: ${failed.message}`);
  return Buffer.from(status?.certificate ?? "", "base64").toString("utf8");
}

interface Keys {
  readonly name: string;
  readonly certificate: string;
  readonly key: string;
}

async function kubeconfigOf(
  { address: server, kubeconfig, namespace }: Server,
  { name, certificate, key }: Keys,
): Promise<object> {
  const { authority } = await readKubeconfig(kubeconfig);
  const data = (pem: string) => Buffer.from(pem).toString("base64");
  const trust = authority !== undefined && { "certificate-authority-data": data(authority) };
  const user = { "client-certificate-data": data(certificate), "client-key-data": data(key) };
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "varve", cluster: { server, ...trust } }],
    users: [{ name, user }],
    contexts: [{ name: "varve", context: { cluster: "varve", user: name, namespace } }],
    "current-context": "varve",
  };
}
