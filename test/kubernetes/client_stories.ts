import assert from "node:assert/strict";
import { join } from "node:path";
import { PassThrough, Readable, Writable } from "node:stream";
import {
  CoreV1Api,
  CustomObjectsApi,
  Exec,
  KubeConfig,
  Log,
  Metrics,
  makeInformer,
  PortForward,
  type V1ConfigMap,
  type V1Status,
  Watch,
} from "@kubernetes/client-node";
import { type PodPlace, type PodStory, untilSo } from "./pod_stories.ts";

const NAMESPACE = "default";
const GROUP = { group: "serving.knative.dev", version: "v1", namespace: NAMESPACE };

export const CLIENT_STORIES: readonly PodStory[] = [
  {
    title: "reads and writes core and custom objects with its types",
    async act(place) {
      const config = configFor(place);
      const core = config.makeApiClient(CoreV1Api);
      const { items } = await core.listNode();
      assert.deepEqual(
        items.map(({ metadata, status }) => [metadata?.name, typeof status?.capacity?.["cpu"]]),
        [["local", "string"]],
      );
      const name = "typed";
      const body = { metadata: { name }, data: { a: "1" } };
      const made = await core.createNamespacedConfigMap({ namespace: NAMESPACE, body });
      assert.ok(made.metadata?.creationTimestamp instanceof Date);
      const replaced = { ...made, data: { a: "2" } };
      await core.replaceNamespacedConfigMap({ namespace: NAMESPACE, name, body: replaced });
      const stale = core.replaceNamespacedConfigMap({ namespace: NAMESPACE, name, body: made });
      await assert.rejects(stale, (thrown: { readonly code: number }) => thrown.code === 409);
      await core.deleteNamespacedConfigMap({ namespace: NAMESPACE, name });
      const custom = config.makeApiClient(CustomObjectsApi);
      const service = { ...GROUP, plural: "services", name: "talker" };
      const { status } = await custom.getNamespacedCustomObject(service);
      assert.equal(status.latestReadyRevisionName, "talker-00001");
      const said = await custom.listNamespacedCustomObject({ ...GROUP, plural: "revisions" });
      assert.deepEqual([said.kind, said.items.length], ["RevisionList", 1]);
    },
  },
  {
    title: "watches, and reads logs and figures",
    async act(place) {
      const config = configFor(place);
      const pod = await podBy(config);
      const seen: string[] = [];
      const path = `/api/v1/namespaces/${NAMESPACE}/pods`;
      const watch = new Watch(config);
      const stop = await watch.watch(
        path,
        {},
        (phase, { metadata }) => seen.push(`${phase} ${metadata.name}`),
        () => {},
      );
      await untilSo(async () => (seen.includes(`ADDED ${pod}`) ? true : undefined));
      stop.abort();
      const heard = collector();
      await new Log(config).log(NAMESPACE, pod, "user-container", heard.stream, { tailLines: 100 });
      await untilSo(async () => (heard.text().includes("begun\n") ? true : undefined));
      const { items } = await new Metrics(config).getPodMetrics(NAMESPACE);
      assert(items.some(({ metadata }) => metadata.name === pod));
      const nodes = await new Metrics(config).getNodeMetrics();
      assert.match(nodes.items[0]?.usage.memory ?? "", /Ki$/);
    },
  },
  {
    title: "runs commands and forwards a port",
    async act(place) {
      const config = configFor(place);
      const pod = await podBy(config);
      const [out, errors] = [collector(), collector()];
      const script = "read it; echo $it; echo oh >&2; exit 3";
      const typed = Readable.from(["hello\n"]);
      const status = await new Promise<V1Status>((resolve, reject) => {
        const command = ["sh", "-c", script];
        const { stream } = errors;
        new Exec(config)
          .exec(
            NAMESPACE,
            pod,
            "user-container",
            command,
            out.stream,
            stream,
            typed,
            false,
            resolve,
          )
          .catch(reject);
      });
      assert.deepEqual([out.text(), errors.text()], ["hello\n", "oh\n"]);
      assert.equal(status.details?.causes?.[0]?.message, "3");
      const answer = collector();
      const asking = new PassThrough();
      const forward = new PortForward(config);
      const socket = await forward.portForward(NAMESPACE, pod, [8080], answer.stream, null, asking);
      asking.write("GET /library HTTP/1.1\r\nHost: talker\r\nConnection: close\r\n\r\n");
      await untilSo(async () => (answer.text().includes("talker says /library") ? 1 : undefined));
      asking.end();
      if ("close" in socket) socket.close();
    },
  },
  {
    title: "has an informer that misses nothing when the server is killed and started again",
    async act(place) {
      const config = configFor(place);
      const core = config.makeApiClient(CoreV1Api);
      const path = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
      const labelSelector = "story=informer";
      const list = () => core.listNamespacedConfigMap({ namespace: NAMESPACE, labelSelector });
      const informer = makeInformer<V1ConfigMap>(config, path, list, labelSelector);
      const seen: string[] = [];
      informer.on("add", ({ metadata }) => void seen.push(`add ${metadata?.name}`));
      informer.on("delete", ({ metadata }) => void seen.push(`delete ${metadata?.name}`));
      let isOver = false;
      const again = () => (isOver ? undefined : void informer.start().catch(() => {}));
      informer.on("error", () => void setTimeout(again, 200));
      const create = async (name: string) => {
        const metadata = { name, labels: { story: "informer" } };
        await core.createNamespacedConfigMap({ namespace: NAMESPACE, body: { metadata } });
      };
      await create("before");
      await informer.start();
      await untilSo(async () => (seen.includes("add before") ? true : undefined));
      await place.varve.kill();
      await place.varve.start();
      await create("after");
      await core.deleteNamespacedConfigMap({ namespace: NAMESPACE, name: "before" });
      await untilSo(async () => (seen.includes("delete before") ? true : undefined));
      assert.deepEqual(seen, ["add before", "add after", "delete before"]);
      isOver = true;
      await informer.stop();
      await core.deleteNamespacedConfigMap({ namespace: NAMESPACE, name: "after" });
    },
  },
];

function configFor({ varve }: PodPlace): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(join(varve.home, "kubeconfig"));
  return config;
}

async function podBy(config: KubeConfig): Promise<string> {
  const labelSelector = "serving.knative.dev/service=talker,!varve.dev/build";
  const core = config.makeApiClient(CoreV1Api);
  return await untilSo(async () => {
    const { items } = await core.listNamespacedPod({ namespace: NAMESPACE, labelSelector });
    const ready = items.find(({ status }) => status?.containerStatuses?.[0]?.ready === true);
    return ready?.metadata?.name;
  });
}

/** A stream, and what was written to it. */
function collector() {
  let said = "";
  const stream = new Writable({
    write(chunk, _encoding, done) {
      said += String(chunk);
      done();
    },
  });
  return { stream, text: () => said };
}
