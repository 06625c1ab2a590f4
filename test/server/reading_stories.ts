import assert from "node:assert/strict";
import { Place } from "../cli/place.ts";
import { configMap, type Story, service } from "./kubectl.ts";

/** What kubectl reads, waits for and watches. */
export const READING_STORIES: readonly Story[] = [
  {
    title: "explain, api-resources, api-versions and version say what is served",
    async act(kubectl) {
      const field = "ksvc.spec.template.spec.containers.env";
      const explained = await kubectl.done(`explain ${field}`);
      assert.match(
        explained,
        /^GROUP: {6}serving\.knative\.dev\nKIND: {7}Service\nVERSION: {4}v1\n/,
      );
      assert.match(
        explained,
        /FIELD: env <\[\]Object>\n[\s\S]*Variables of the environment, by name\./,
      );
      assert.match(explained, /name\t<string> -required-\n {4}The name of the variable\./);
      assert.match(await kubectl.done("explain cm.data"), /FIELD: data <map\[string\]string>/);
      assert.match(await kubectl.refused("explain ksvc.spec.none"), /field "none" does not exist/);
      const resources = await kubectl.done("api-resources --api-group=serving.knative.dev");
      assert.match(
        resources,
        /^services +kservice,ksvc +serving\.knative\.dev\/v1 +true +Service$/m,
      );
      const scaled = await kubectl.done("api-resources --verbs=create,deletecollection -o name");
      assert.match(scaled, /^configmaps$/m);
      assert.doesNotMatch(scaled, /^namespaces$/m);
      assert.match(await kubectl.done("api-versions"), /^v1$/m);
      assert.match(await kubectl.done("version"), /^Server Version: v1\.32\.0\+varve/m);
    },
  },
  {
    title: "get: tables, wide, YAML, JSON paths, columns of one's own, and chunks",
    async act(kubectl) {
      const names = ["a", "b", "c"];
      await kubectl.write("all.yaml", ...names.map((name) => configMap(name, { [name]: "1" })));
      assert.equal(
        await kubectl.done("create -f all.yaml"),
        names.map((name) => `configmap/${name} created\n`).join(""),
      );
      const table = await kubectl.done("get cm --chunk-size=1");
      assert.match(table, /^NAME +DATA +AGE\na +1 +\d+s\nb +1 +\d+s\nc +1 +\d+s\n$/);
      assert.equal(
        await kubectl.done("get cm --chunk-size=2 -o name"),
        "configmap/a\nconfigmap/b\nconfigmap/c\n",
      );
      const yaml = await kubectl.done("get cm a -o yaml");
      assert.match(yaml, /^apiVersion: v1\ndata:\n {2}a: "1"\nkind: ConfigMap\nmetadata:\n/);
      assert.doesNotMatch(yaml, /managedFields/);
      assert.equal(
        await kubectl.done("get cm -o", "jsonpath={.items[*].data}"),
        '{"a":"1"} {"b":"1"} {"c":"1"}',
      );
      const columns = "NAME:.metadata.name,V:.data.b";
      assert.match(
        await kubectl.done(`get cm b -o custom-columns=${columns}`),
        /^NAME +V\nb +1\n$/,
      );
      assert.equal(
        await kubectl.done("get cm --field-selector metadata.name=c -o name"),
        "configmap/c\n",
      );
      assert.match(
        await kubectl.refused("get cm --field-selector data.x=1"),
        /field label not supported: data\.x/,
      );
      const first = await kubectl.done(
        `get --raw /api/v1/namespaces/${kubectl.namespace}/configmaps?limit=1`,
      );
      const { metadata, items } = JSON.parse(first);
      assert.deepEqual([items.length, metadata.remainingItemCount], [1, 2]);
      assert.match(
        await kubectl.refused("get cm none"),
        /^Error from server \(NotFound\): configmaps "none" not found$/,
      );
      assert.match(await kubectl.refused("get nothing"), /doesn't have a resource type "nothing"/);
      assert.match(
        await kubectl.done("get crd services.serving.knative.dev -o name"),
        /^customresource/,
      );
      assert.match(
        await kubectl.refused("delete crd services.serving.knative.dev"),
        /is forbidden/,
      );
    },
  },
  {
    title: "get -w tells of what comes, changes and goes",
    async act(kubectl) {
      await kubectl.done("create cm one --from-literal=a=1");
      const rows = (out: string) => out.trim().split("\n").slice(1);
      const watching = kubectl.run("get cm -w --output-watch-events", {
        until: (out) => /^DELETED .*\n/m.test(out),
      });
      await kubectl.done("create cm two --from-literal=a=1");
      await kubectl.done("patch cm two -p", '{"data":{"b":"2"}}');
      await kubectl.done("delete cm two");
      const seen = rows((await watching).out).map((row) => row.split(/ +/).slice(0, 3).join(" "));
      assert.equal(seen[0], "ADDED one 1");
      // The watch may begin late, and then finds less to tell; it never tells out of order.
      const told = ["ADDED two 1", "MODIFIED two 2", "ADDED two 2", "DELETED two 2"];
      assert.deepEqual(
        seen.slice(1),
        told.filter((it) => seen.includes(it)),
      );
      assert.equal(seen.at(-1), "DELETED two 2");
    },
  },
  {
    title: "describe shows an object, and the events that tell of it",
    async act(kubectl) {
      await kubectl.write("ksvc.json", service("shop"));
      await kubectl.done("create -f ksvc.json");
      const failed = "wait ksvc/shop --for=condition=Ready=False --timeout=20s";
      assert.equal(await kubectl.done(failed), "service.serving.knative.dev/shop condition met\n");
      const told = await kubectl.done("describe ksvc shop");
      assert.match(told, /^Name: +shop\nNamespace: +kubectl-\d+\n/);
      assert.match(told, /Kind: +Service\n[\s\S]*Events:\n/);
      const why = await kubectl.refused("wait ksvc/shop --for=condition=Ready --timeout=0s");
      assert.match(why, /timed out waiting for the condition on services\/shop|condition/);
      assert.match(await kubectl.done("events --for ksvc/shop"), /Warning/);
      assert.match(await kubectl.done("get events --field-selector type=Warning"), /shop/);
      assert.match(await kubectl.done("describe ns", kubectl.namespace), /Status: +Active/);
    },
  },
  {
    title: "scale sets the floor: of a Revision at once, of a Service by another Revision",
    async act(kubectl) {
      await kubectl.write("ksvc.json", service("shop"));
      await kubectl.done("create -f ksvc.json");
      await kubectl.done("wait rev/shop-00001 --for=create --timeout=20s");
      assert.equal(
        await kubectl.done("scale ksvc/shop --replicas=2"),
        "service.serving.knative.dev/shop scaled\n",
      );
      const floor = "jsonpath={.spec.template.metadata.annotations}";
      assert.equal(
        await kubectl.done("get ksvc shop -o", floor),
        '{"autoscaling.knative.dev/min-scale":"2"}',
      );
      await kubectl.done("wait rev/shop-00002 --for=create --timeout=20s");
      assert.equal(
        await kubectl.done("scale rev/shop-00001 --replicas=3"),
        "revision.serving.knative.dev/shop-00001 scaled\n",
      );
      assert.equal(
        await kubectl.done("get rev shop-00001 --subresource=scale -o jsonpath={.spec.replicas}"),
        "3",
      );
      assert.match(
        await kubectl.refused("scale rev/shop-00001 --current-replicas=9 --replicas=1"),
        /Expected replicas to be 9, was 3/,
      );
    },
  },
  {
    title: "a service that runs is waited for, followed in its logs, and has Pods",
    async act(kubectl) {
      const { varve, namespace, directory } = kubectl;
      const place = new Place(varve, namespace, directory);
      await place.app("shop", "one");
      await place.done("deploy shop");
      await kubectl.done("wait ksvc/shop --for=condition=Ready --timeout=30s");
      const row = await kubectl.done("get ksvc shop");
      assert.match(row, /^NAME +URL +LATESTCREATED +LATESTREADY +READY +REASON\n/);
      assert.match(row, /\nshop +http:\S+ +shop-00001 +shop-00001 +True/);
      const selector = "-l serving.knative.dev/revision=shop-00001,!varve.dev/build";
      assert.match(await kubectl.done(`get pods ${selector}`), /1\/1 +Running/);
      const following = kubectl.run(`logs -f ${selector}`, {
        until: (out) => out.includes("asked"),
      });
      await place.answer(place.url("shop"));
      assert.match((await following).out, /started shop-00001\n[\s\S]*asked shop\n/);
      assert.match(await kubectl.done(`logs ${selector} --tail=1`), /^asked shop\n$/);
      await kubectl.done("delete ksvc shop --cascade=foreground --timeout=30s");
      assert.equal(await kubectl.done("get ksvc,rt,config,rev -o name"), "");
    },
  },
];
