import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Story } from "./place.ts";

export const OBJECT_STORIES: readonly Story[] = [
  {
    title: "logs follow all instances, also those of revisions to come",
    async act(place) {
      await place.app("shop", "one");
      await place.done("deploy shop");
      const over = new AbortController();
      let seen = "";
      const onText = ({ out }: { readonly out: string }) => {
        seen = out;
      };
      const following = place.run("logs shop -f", { signal: over.signal, onText });
      await until(() => /\[00001-\w{5}\] started shop-00001\n/.test(seen));
      await place.answer(place.url("shop"));
      await until(() => /\[00001-\w{5}\] asked shop\n/.test(seen));
      await place.done("deploy shop --env X=1");
      await place.answer(place.url("shop"));
      await until(() => /\[00002-\w{5}\] asked shop\n/.test(seen));
      over.abort();
      assert.equal((await following).code, 0);

      const last = await place.done("logs shop-00002 --tail 1");
      assert.match(last.out, /^\[00002-\w{5}\] asked shop\n$/);
      const line = JSON.parse((await place.done("logs shop-00002 --tail 1 --json")).out);
      assert.deepEqual(Object.keys(line), ["at", "instance", "line"]);
      const build = await place.done("logs shop-00001 --build -f");
      assert.match(build.out, /\nmade sha256:/);
      assert.equal((await place.run("logs shop -f --previous")).code, 2);
    },
  },
  {
    title: "what is deleted is gone, and what serves is not deleted",
    async act(place) {
      await place.app("shop", "one");
      await place.done("deploy shop");
      await place.done("deploy shop --env X=1");
      const unsure = await place.run("delete shop");
      assert.equal(unsure.code, 2);
      assert.match(unsure.err, /say so with --yes/);
      const input = "n\n";
      const asked = await place.run("delete shop", { input, isTerminal: true });
      assert.equal(asked.code, 1);
      assert.match(asked.err, /Service shop with its 2 revisions, http/);
      const serving = await place.run("delete shop-00002 --yes");
      assert.equal(serving.code, 3);
      assert.match(
        serving.err,
        /shop-00002" of "shop": it serves 100 % of the requests\n {2}First:/,
      );
      assert.equal(
        (await place.done("delete shop-00001 --yes")).out,
        "Revision shop-00001 deleted\n",
      );
      assert.equal((await place.done("delete shop --yes")).out, "Service shop deleted\n");
      assert.deepEqual(await place.json("revisions"), []);
      assert.equal((await place.run("delete shop --yes")).code, 1);
    },
  },
  {
    title: "files are applied: each object says what came of it, and all failures are told",
    async act(place) {
      const settings = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" } };
      const lost = { ...settings, metadata: { name: "lost", namespace: "nowhere" } };
      const wrong = { ...settings, data: { a: 1 }, metadata: { name: "wrong" } };
      await place.write("objects", {
        "1.json": JSON.stringify({ ...settings, data: { a: "1", b: "2" } }),
        "2.yaml": `${JSON.stringify(lost)}\n---\n${JSON.stringify(wrong)}\n`,
      });
      const { code, out, err } = await place.run("apply -f objects");
      assert.equal(code, 1);
      assert.equal(out, "configmap/settings created\n");
      assert.match(err, /configmap\/lost: .*2\.yaml \(object 1\): namespaces "nowhere" not found/);
      assert.match(err, /configmap\/wrong: .*2\.yaml \(object 2\): .*data\.a/);
      const again = await place.done("apply -f objects/1.json");
      assert.equal(again.out, "configmap/settings unchanged\n");

      await place.write("objects", { "1.json": JSON.stringify({ ...settings, data: { b: "3" } }) });
      const dry = await place.done("apply -f objects/1.json --dry-run");
      assert.equal(dry.out, "configmap/settings configured (dry run)\n");
      assert.match((await place.done("get cm settings -o yaml")).out, /\n {2}a: "1"\n/);
      await place.done("apply -f objects/1.json");
      assert.match((await place.done("get cm settings -o yaml")).out, /\ndata:\n {2}b: "3"\n$/);
    },
  },
  {
    title: "a service is applied until it is ready, and what is gone from the files is pruned",
    async act(place) {
      const labels = { team: "web" };
      const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "old", labels } };
      await place.done("apply -f -", { input: JSON.stringify(map) });
      await place.app("shop", "one");
      await place.done("deploy shop");
      const [revision] = await place.json<{ image: string }[]>("revisions shop");
      const containers = [{ image: revision?.image, env: [{ name: "X", value: "applied" }] }];
      const spec = { template: { spec: { containers } } };
      const meta = { apiVersion: "serving.knative.dev/v1", kind: "Service" };
      const input = JSON.stringify({ ...meta, metadata: { name: "copy", labels }, spec });
      const { out } = await place.done("apply -f - --prune -l team=web", { input });
      assert.equal(out, "service.serving.knative.dev/copy created\nconfigmap/old pruned\n");
      assert.equal(await place.answer(place.url("copy")), "one copy-00001 applied");
      const missing = JSON.stringify({
        ...{ ...meta, metadata: { name: "bad" } },
        spec: { template: { spec: { containers: [{ image: "varve.invalid/nothing" }] } } },
      });
      const bad = await place.run("apply -f - --json", { input: missing });
      assert.equal(bad.code, 1);
      assert.match(bad.err, /bad is not ready: .*varve\.invalid/);
      const [{ change }] = JSON.parse(bad.out);
      assert.equal(change, "created");
    },
  },
  {
    title: "what a securityContext asks and a plain process cannot have is told, or refused",
    async act(place) {
      await place.app("shop", "one");
      await place.done("deploy shop");
      const [revision] = await place.json<{ image: string }[]>("revisions shop");
      const apply = async (name: string, securityContext: object) => {
        const containers = [{ image: revision?.image, securityContext }];
        const meta = { apiVersion: "serving.knative.dev/v1", kind: "Service", metadata: { name } };
        const spec = { template: { spec: { containers } } };
        return await place.run("apply -f -", { input: JSON.stringify({ ...meta, spec }) });
      };
      assert.equal((await apply("wary", { readOnlyRootFilesystem: true })).code, 0);
      const { out } = await place.done("describe wary");
      assert.match(out, /Not enforced\n {2}wary-00001: readOnlyRootFilesystem cannot be had by/);
      const { code, err } = await apply("strict", { runAsNonRoot: true });
      if (process.getuid?.() !== 0) return assert.equal(code, 0);
      assert.equal(code, 1);
      assert.match(err, /strict is not ready: .*must not run as root \(runAsNonRoot\).*runAsUser/);
    },
  },
  {
    title: "objects are printed as tables, names, YAML and JSON, and watched",
    async act(place) {
      const input = `{apiVersion: v1, kind: ConfigMap, metadata: {name: one}, data: {a: "1"}}`;
      await place.done("apply -f -", { input });
      assert.match((await place.done("get configmaps")).out, /^NAME +DATA +AGE\none +1 +\d+s\n$/);
      assert.match((await place.done("get cm -A")).out, /^NAMESPACE +NAME +DATA +AGE\n/);
      assert.equal((await place.done("get cm -o name")).out, "configmap/one\n");
      assert.match((await place.done("get cm/one -o yaml")).out, /\ndata:\n {2}a: "1"\n$/);
      const list = JSON.parse((await place.done("get cm,secrets -o json")).out);
      assert.doesNotMatch(JSON.stringify(list), /managedFields/);
      assert.deepEqual([list.kind, list.items.length], ["List", 1]);
      const none = await place.done("get ksvc -l a=b");
      assert.deepEqual([none.out, /no services in the namespace/.test(none.err)], ["", true]);
      assert.equal((await place.run("get cm two")).code, 1);
      const typo = await place.run("get servies");
      assert.equal(typo.code, 2);
      assert.match(typo.err, /There is no kind "servies" \(did you mean "services"\?\)/);

      const over = new AbortController();
      let seen = "";
      const onText = ({ out }: { readonly out: string }) => {
        seen = out;
      };
      const watching = place.run("get cm -w", { signal: over.signal, onText });
      await until(() => seen.includes("one"));
      await place.done("apply -f -", { input: input.replace("one", "two") });
      await until(() => /\ntwo +1 /.test(seen));
      over.abort();
      assert.equal((await watching).code, 0);
    },
  },
  {
    title: "the sample is there in two versions, once",
    async act(place) {
      const { out } = await place.done("sample");
      assert.match(out, /A sample service runs in 2 versions:/);
      assert.match(out, /90 % {2}hello-00001 {2}http:\/\/v1-hello\./);
      assert.match(out, /10 % {2}hello-00002 {2}http:\/\/v2-hello\./);
      assert.match(out, new RegExp(`\n  curl ${place.url("hello")}\n`));
      assert.match(out, /\n {2}varve traffic hello hello-00002=50 -n story-/);
      assert.match(out, /\n {2}kubectl --kubeconfig \S+\/kubeconfig get ksvc,revisions\n/);
      const first = await place.answer(place.url("hello", "v1"));
      assert.equal(first, "Hello from the first version (hello-00001)\n");
      assert.equal((await place.done("sample")).out, out);
      assert.equal((await place.json<unknown[]>("revisions hello")).length, 2);
    },
  },
];

async function until(isSo: () => boolean): Promise<void> {
  const endMs = Date.now() + 20_000;
  while (!isSo()) {
    assert(Date.now() < endMs, `not so in 20 s: ${isSo}`);
    await sleep(10);
  }
}
