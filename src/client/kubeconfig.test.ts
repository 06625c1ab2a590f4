import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { writeYaml } from "../base/yaml.ts";
import { readKubeconfig } from "./kubeconfig.ts";

let directory = "";
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "varve-kubeconfig-"));
});
after(() => rm(directory, { recursive: true }));

const base64 = (text: string) => Buffer.from(text).toString("base64");

test("what the current context names is read, and nothing of the others", async () => {
  const path = await written({
    clusters: [cluster("other", "https://other"), cluster("here", "https://127.0.0.1:6480/")],
    users: [
      { name: "me", user: { token: "secret" } },
      { name: "you", user: {} },
    ],
    contexts: [
      { name: "a", context: { cluster: "other", user: "you" } },
      { name: "b", context: { cluster: "here", user: "me", namespace: "team" } },
    ],
    "current-context": "b",
  });
  assert.deepEqual(await readKubeconfig(path), {
    server: "https://127.0.0.1:6480",
    authority: "authority",
    token: "secret",
    namespace: "team",
  });
});

test("files are looked for beside the kubeconfig, and a namespace is default", async () => {
  const [ca, key, token] = ["ca.crt", "me.key", "token"];
  for (const name of [ca, key, token]) await writeFile(join(directory, name), `${name} inside\n`);
  const path = await written({
    clusters: [{ name: "here", cluster: { server: "https://a", "certificate-authority": ca } }],
    users: [
      {
        name: "me",
        user: {
          ...{ tokenFile: token, "client-key": key },
          "client-certificate-data": base64("certificate"),
        },
      },
    ],
    ...currentContext,
  });
  assert.deepEqual(await readKubeconfig(path), {
    server: "https://a",
    authority: "ca.crt inside\n",
    token: "token inside",
    client: { cert: "certificate", key: "me.key inside\n" },
    namespace: "default",
  });
});

const BAD = [
  { title: "no file", content: undefined, says: /ENOENT/ },
  { title: "no YAML", content: "a: [", says: /Flow sequence|flow/i },
  { title: "a list", content: "- a", says: /it: must be object/ },
  { title: "no current context", content: "clusters: []", says: /no current-context/ },
  { title: "a context that is not there", content: "current-context: x", says: /no context "x"/ },
  {
    title: "a cluster that is not there",
    content: JSON.stringify({ ...context("here"), "current-context": "here" }),
    says: /no cluster "here"/,
  },
  {
    title: "a program to log in with",
    content: JSON.stringify({
      ...context("here"),
      clusters: [cluster("here", "https://a")],
      users: [{ name: "me", user: { exec: { command: "aws" } } }],
      "current-context": "here",
    }),
    says: /it uses "exec", which is not supported/,
  },
];

for (const { title, content, says } of BAD) {
  test(`${title}: the refusal names the file and what is wrong with it`, async () => {
    const path = content === undefined ? join(directory, "missing") : await written(content);
    await assert.rejects(readKubeconfig(path), (thrown: Error) => {
      assert.equal(thrown.name, "KubeconfigError");
      assert(thrown.message.startsWith(`Cannot use the kubeconfig "${path}": `), thrown.message);
      assert.match(thrown.message, says);
      return true;
    });
  });
}

const currentContext = { ...context("here"), "current-context": "here" };

function context(name: string) {
  return { contexts: [{ name, context: { cluster: "here", user: "me" } }] };
}

function cluster(name: string, server: string) {
  return { name, cluster: { server, "certificate-authority-data": base64("authority") } };
}

async function written(content: unknown): Promise<string> {
  const path = join(directory, "kubeconfig");
  await writeFile(path, typeof content === "string" ? content : writeYaml(content));
  return path;
}
