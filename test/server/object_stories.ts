import assert from "node:assert/strict";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { configMap, type Kubectl, type Story, service } from "./kubectl.ts";

type Data = { readonly data: Readonly<Record<string, string>> };

async function dataOf(kubectl: Kubectl, name: string): Promise<Data["data"]> {
  return (await kubectl.json<Data>(`get cm ${name}`)).data;
}

/** What kubectl does to objects: made, changed, compared, thrown away. */
export const OBJECT_STORIES: readonly Story[] = [
  {
    title:
      "create: a namespace, a configuration map and a secret, as kubectl's own words make them",
    async act(kubectl) {
      const { namespace } = kubectl;
      assert.equal(
        await kubectl.done(`create ns ${namespace}-b`),
        `namespace/${namespace}-b created\n`,
      );
      assert.equal(
        await kubectl.done("create configmap cm --from-literal=a=1 --from-literal=b=2"),
        "configmap/cm created\n",
      );
      assert.equal(
        await kubectl.done("create secret generic s --from-literal=p=hush"),
        "secret/s created\n",
      );
      assert.equal(await kubectl.done("get secret s -o jsonpath={.data.p}"), "aHVzaA==");
      assert.equal(
        await kubectl.refused("create configmap cm --from-literal=a=1"),
        'error: failed to create configmap: configmaps "cm" already exists',
      );
      const dry = await kubectl.done("create cm dry --from-literal=a=1 --dry-run=server -o name");
      assert.equal(dry, "configmap/dry\n");
      assert.match(await kubectl.refused("get cm dry"), /configmaps "dry" not found/);
      assert.equal(
        await kubectl.done(`delete ns ${namespace}-b --wait=false`),
        `namespace "${namespace}-b" deleted\n`,
      );
    },
  },
  {
    title: "apply: made, unchanged, configured, and what is gone from the file goes",
    async act(kubectl) {
      await kubectl.write("cm.json", configMap("cm", { a: "1", b: "2" }));
      assert.equal(await kubectl.done("apply -f cm.json"), "configmap/cm created\n");
      assert.equal(await kubectl.done("apply -f cm.json"), "configmap/cm unchanged\n");
      await kubectl.done("patch cm cm --type=merge -p", '{"data":{"mine":"x"}}');
      await kubectl.write("cm.json", configMap("cm", { a: "2" }));
      const diff = await kubectl.run("diff -f cm.json");
      assert.equal(diff.code, 1);
      assert.match(diff.out, /\n- {2}a: "1"\n- {2}b: "2"\n\+ {2}a: "2"\n/);
      const dry = await kubectl.done("apply -f cm.json --dry-run=server");
      assert.equal(dry, "configmap/cm configured (server dry run)\n");
      assert.deepEqual(await dataOf(kubectl, "cm"), { a: "1", b: "2", mine: "x" });
      assert.equal(await kubectl.done("apply -f cm.json"), "configmap/cm configured\n");
      assert.deepEqual(await dataOf(kubectl, "cm"), { a: "2", mine: "x" });
      assert.equal((await kubectl.run("diff -f cm.json")).code, 0);
    },
  },
  {
    title: "apply --server-side: two own one object, and are told where they want different things",
    async act(kubectl) {
      await kubectl.write("one.json", configMap("cm", { a: "1", b: "1" }));
      await kubectl.write("two.json", configMap("cm", { a: "2", c: "2" }));
      const apply = "apply --server-side -f";
      assert.equal(
        await kubectl.done(`${apply} one.json --field-manager=one`),
        "configmap/cm serverside-applied\n",
      );
      const why = await kubectl.refused(`${apply} two.json --field-manager=two`);
      assert.match(why, /^error: Apply failed with 1 conflict: conflict with "one": \.data\.a\n/);
      await kubectl.done(`${apply} two.json --field-manager=two --force-conflicts`);
      assert.deepEqual(await dataOf(kubectl, "cm"), { a: "2", b: "1", c: "2" });
      await kubectl.write("one.json", configMap("cm", { d: "1" }));
      await kubectl.done(`${apply} one.json --field-manager=one`);
      assert.deepEqual(await dataOf(kubectl, "cm"), { a: "2", c: "2", d: "1" });
      const owners = "{range .metadata.managedFields[*]}{.manager}:{.operation} {end}";
      const who = await kubectl.done("get cm cm --show-managed-fields -o", `jsonpath=${owners}`);
      assert.deepEqual(who.trim().split(" ").sort(), ["one:Apply", "two:Apply"]);
    },
  },
  {
    title: "apply --server-side takes over what was applied from the client's side",
    async act(kubectl) {
      await kubectl.write("cm.json", configMap("cm", { a: "1" }));
      await kubectl.done("apply -f cm.json");
      await kubectl.write("cm.json", configMap("cm", { b: "2" }));
      await kubectl.done("apply --server-side -f cm.json");
      assert.deepEqual(await dataOf(kubectl, "cm"), { b: "2" });
    },
  },
  {
    title: "patch in three types, label, annotate, replace and edit",
    async act(kubectl) {
      await kubectl.done("create cm cm --from-literal=a=1");
      assert.equal(
        await kubectl.done("patch cm cm -p", '{"data":{"b":"2"}}'),
        "configmap/cm patched\n",
      );
      await kubectl.done("patch cm cm --type=merge -p", '{"data":{"a":null}}');
      const add =
        '[{"op":"test","path":"/data/b","value":"2"},{"op":"add","path":"/data/c","value":"3"}]';
      await kubectl.done("patch cm cm --type=json -p", add);
      assert.deepEqual(await dataOf(kubectl, "cm"), { b: "2", c: "3" });
      assert.match(
        await kubectl.refused("patch cm cm --type=json -p", add.replace('"2"', '"9"')),
        /test/i,
      );
      assert.equal(
        await kubectl.done("patch cm cm -p", '{"data":{"b":"2"}}'),
        "configmap/cm patched (no change)\n",
      );
      assert.equal(await kubectl.done("label cm cm team=green"), "configmap/cm labeled\n");
      assert.match(await kubectl.refused("label cm cm team=red"), /already has a value/);
      assert.equal(await kubectl.done("annotate cm cm note=hi"), "configmap/cm annotated\n");
      assert.equal(await kubectl.done("get cm -l team=green -o name"), "configmap/cm\n");
      await kubectl.write("cm.json", configMap("cm", { z: "26" }));
      assert.equal(await kubectl.done("replace -f cm.json"), "configmap/cm replaced\n");
      const editor = join(kubectl.directory, "editor.sh");
      await writeFile(editor, '#!/bin/sh\nsed -i \'s/z: "26"/z: "27"/\' "$1"\n');
      await chmod(editor, 0o755);
      const edited = await kubectl.done("edit cm cm", { env: { KUBE_EDITOR: editor } });
      assert.equal(edited, "configmap/cm edited\n");
      assert.deepEqual(await dataOf(kubectl, "cm"), { z: "27" });
    },
  },
  {
    title: "what is not known is refused when checked strictly, and told of otherwise",
    async act(kubectl) {
      await kubectl.write("ksvc.json", service("shop", { imagee: "x" }));
      const why = await kubectl.refused("create -f ksvc.json --validate=strict");
      assert.match(why, /unknown field "spec\.template\.spec\.containers\[0\]\.imagee"/);
      const { code, err } = await kubectl.run(
        "create -f ksvc.json --validate=warn --dry-run=server",
      );
      assert.equal(code, 0);
      assert.match(
        err,
        /^Warning: unknown field "spec\.template\.spec\.containers\[0\]\.imagee"\n/,
      );
      const twice = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","name":"y"}}';
      const to = `/api/v1/namespaces/${kubectl.namespace}/configmaps`;
      await writeFile(join(kubectl.directory, "twice.json"), twice);
      const double = await kubectl.refused(
        `create --raw ${to}?fieldValidation=Strict -f twice.json`,
      );
      assert.match(double, /strict decoding error: duplicate field "metadata\.name"/);
      await kubectl.write("bad.json", service("Shop"));
      assert.match(await kubectl.refused("create -f bad.json"), /not a DNS 1035 label/);
    },
  },
  {
    title: "delete: background, orphan and foreground, by label, and with preconditions",
    async act(kubectl) {
      const owned = async (mode: string) => {
        await kubectl.done(`create cm ${mode} --from-literal=a=1`);
        const { metadata } = await kubectl.json<{ metadata: { uid: string } }>(`get cm ${mode}`);
        const owner = { apiVersion: "v1", kind: "ConfigMap", name: mode, uid: metadata.uid };
        const ownerReferences = [{ ...owner, blockOwnerDeletion: true }];
        const child = configMap(`${mode}-child`, {}, { ownerReferences });
        await kubectl.done(`create -f ${await kubectl.write(`${mode}.json`, child)}`);
        const gone = await kubectl.done(`delete cm ${mode} --cascade=${mode} --timeout=20s`);
        assert.equal(gone, `configmap "${mode}" deleted\n`);
      };
      await Promise.all(["background", "foreground", "orphan"].map(owned));
      const wait = await kubectl.run("wait --for=delete cm/background-child --timeout=20s");
      assert.equal(wait.code, 0, wait.err);
      assert.equal(await kubectl.done("get cm -o name"), "configmap/orphan-child\n");
      const uid = "/api/v1/namespaces/NS/configmaps/orphan-child".replace("NS", kubectl.namespace);
      const { out, err } = await kubectl.run(`delete --raw ${uid}?dryRun=All`);
      assert.match(out, /"status":"Success"/, err);
      await kubectl.done("label cm orphan-child bin=1");
      assert.equal(await kubectl.done("delete cm -l bin=1"), 'configmap "orphan-child" deleted\n');
      assert.match((await kubectl.run("delete cm --all")).out, /No resources found/);
      assert.equal(await kubectl.done("delete cm none --ignore-not-found"), "");
    },
  },
];
