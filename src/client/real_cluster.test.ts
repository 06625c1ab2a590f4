import assert from "node:assert/strict";
import { request } from "node:https";
import { CONFIG_MAP } from "../api/config_map.ts";
import { isReason } from "../api/error.ts";
import type { Kind } from "../api/kind.ts";
import type { Resource } from "../api/meta.ts";
import { NAMESPACE, type Namespace } from "../api/namespace.ts";
import { SERVICE } from "../api/service.ts";
import { type ClientBed, clientSuite } from "./client.suite.ts";
import { type Connection, readKubeconfig } from "./kubeconfig.ts";
import { KubernetesClient } from "./kubernetes.ts";

/*
 * The same suite against a Kubernetes API that is not ours, such as a kube-apiserver with its etcd:
 * VARVE_TEST_KUBECONFIG names its kubeconfig. It must be one to spoil, with nobody else at work:
 * ConfigMaps and Services of the namespaces "default" and "varve-system" are deleted in it.
 */
const PATH = process.env["VARVE_TEST_KUBECONFIG"];
const NAMESPACES = ["default", "varve-system"];
const SKIP = PATH === undefined && "no VARVE_TEST_KUBECONFIG names a Kubernetes to test with";

clientSuite("against a real Kubernetes API", () => makeBed(PATH ?? ""), {
  skip: SKIP,
  except: ["watchesTooLate"],
});

async function makeBed(path: string): Promise<ClientBed> {
  const connection = await readKubeconfig(path);
  await define(connection);
  const client = new KubernetesClient(connection);
  const { apiVersion, kind } = NAMESPACE;
  for (const name of NAMESPACES) {
    await unlessThere(client.create<Namespace>({ apiVersion, kind, metadata: { name } }));
  }
  for (const kind of [CONFIG_MAP, SERVICE]) await clear(client, kind);
  return {
    client,
    compact: async () => {},
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

async function unlessThere(creation: Promise<unknown>): Promise<void> {
  try {
    await creation;
  } catch (thrown) {
    if (!isReason(thrown, "AlreadyExists")) throw thrown;
  }
}

/** Says what a Service is, unless the cluster knows. */
async function define({ server, authority, token = "" }: Connection): Promise<void> {
  const url = new URL("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", server);
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const code = await new Promise<number | undefined>((resolve, reject) => {
    const tls = authority === undefined ? {} : { ca: authority };
    const sent = request(url, { method: "POST", headers, ...tls }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode));
    });
    sent.on("error", reject).end(JSON.stringify(serviceDefinition()));
  });
  assert(code === 201 || code === 409, `the cluster answers ${code} to a definition of Services`);
}

/** Served a moment after its definition is there. */
async function clear<R extends Resource>(client: KubernetesClient, kind: Kind<R>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      for (const namespace of NAMESPACES) {
        const { items } = await client.list(kind, { namespace });
        for (const item of items) await client.delete(item);
      }
      return;
    } catch (thrown) {
      if (tries === 50 || !isReason(thrown, "NotFound")) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function serviceDefinition() {
  const schema = {
    type: "object",
    "x-kubernetes-preserve-unknown-fields": true,
  };
  const version = {
    name: "v1",
    served: true,
    storage: true,
    subresources: { status: {} },
    schema: { openAPIV3Schema: schema },
  };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "services.serving.knative.dev" },
    spec: {
      group: "serving.knative.dev",
      scope: "Namespaced",
      names: { plural: "services", singular: "service", kind: "Service" },
      versions: [version],
    },
  };
}
