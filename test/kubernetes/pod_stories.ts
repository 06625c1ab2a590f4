import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { readKubeconfig } from "../../src/client/kubeconfig.ts";
import type { VarveProcess } from "../support/varve_process.ts";
import { Kubectl } from "./kubectl.ts";

/** A server with one app, and the ways to it. */
export interface PodPlace {
  readonly varve: VarveProcess;
  /** Where the app is, and other files may be. */
  readonly directory: string;
  readonly kubectl: Kubectl;
}

export interface PodStory {
  readonly title: string;
  readonly act: (place: PodPlace) => Promise<void>;
}

const WITHIN_MS = 30_000;

/** The Pod of the instance that is there now. */
export async function podOf({ kubectl }: PodPlace): Promise<string> {
  const selector = "serving.knative.dev/service=talker,!varve.dev/build";
  const name = ["-o", "jsonpath={.items[0].metadata.name}"];
  return await kubectl.says(`get pods -l ${selector}`, ...name);
}

export async function untilSo<T>(look: () => Promise<T | undefined>): Promise<T> {
  const until = Date.now() + WITHIN_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    assert(Date.now() < until, "it never came to be");
    await sleep(50);
  }
}

export const POD_STORIES: readonly PodStory[] = [
  {
    title: "get and describe show the instance and the machine it is on",
    async act(place) {
      const { kubectl } = place;
      const pod = await podOf(place);
      const wide = await kubectl.says(`get pod ${pod} -o wide`);
      assert.match(wide, new RegExp(`${pod} +1/1 +Running +0 +\\S+ +127.0.0.1 +local +8080:\\d+`));
      const nodes = await kubectl.says("get nodes -o wide");
      assert.match(nodes, /local +Ready +control-plane +\S+ +v1.32.0\+varve-\S+ +[\d.]+ +<none>/);
      const node = await kubectl.says("describe node local");
      assert.match(node, /Ready +True .* VarveReady/);
      assert.match(node, new RegExp(`Non-terminated Pods: +\\(1 in total\\)[\\s\\S]* ${pod} `));
      const described = await kubectl.says(`describe pod ${pod}`);
      assert.match(described, /Controlled By: +Revision\/talker-00001/);
      assert.match(described, /Image ID: +sha256:[0-9a-f]{64}/);
      assert.match(
        described,
        /Initialized +True\s+ContainersReady +True\s+PodScheduled +True|Ready/,
      );
    },
  },
  {
    title: "logs are followed, cut, marked, and refused in kubectl's words",
    async act(place) {
      const { kubectl } = place;
      const pod = await podOf(place);
      const following = kubectl.start(`logs -f ${pod} --tail=0`);
      let followed = "";
      following.stdout?.on("data", (it) => {
        followed += String(it);
      });
      await sleep(300);
      const ask = "require('http').get('http://127.0.0.1:' + process.env.PORT + '/one')";
      await kubectl.says(`exec ${pod} -- node -e`, ask);
      await untilSo(async () => (followed === "asked /one\n" ? true : undefined));
      following.kill();
      const last = await kubectl.says(`logs ${pod} --tail=1 --timestamps`);
      assert.match(last, /^20\d\d-\d\d-\d\dT[\d:.]+Z asked \/one\n$/);
      assert.equal(await kubectl.says(`logs ${pod} --limit-bytes=3`), "beg");
      assert.equal(await kubectl.says(`logs ${pod} --since-time=2100-01-01T00:00:00Z`), "");
      assert.equal(await kubectl.says(`logs ${pod} --since=1h`), await kubectl.says(`logs ${pod}`));
      await sleep(2100);
      assert.equal(await kubectl.says(`logs ${pod} --since=1s`), "");
      const all = "logs -l serving.knative.dev/service=talker --all-containers --prefix";
      assert.match(await kubectl.says(all), new RegExp(`\\[pod/${pod}/user-container\\] begun`));
      const wrong = await kubectl.run(`logs ${pod} -c other`);
      assert.match(wrong.err, new RegExp(`container other is not valid for pod ${pod}`));
      const before = await kubectl.run(`logs ${pod} --previous`);
      const words = `previous terminated container "user-container" in pod "${pod}" not found`;
      assert.equal(before.err, `Error from server (BadRequest): ${words}\n`);
    },
  },
  {
    title: "exec has input, output, errors and a code, and cp goes both ways",
    async act(place) {
      const { kubectl, directory } = place;
      const pod = await podOf(place);
      const script = "read it; echo $it $PORT; echo oh >&2; exit 3";
      const { code, out, err } = await kubectl.typed("hello\n", `exec -i ${pod} -- sh -c`, script);
      assert.match(out, /^hello \d+\n$/);
      assert.deepEqual([code, err], [3, "oh\ncommand terminated with exit code 3\n"]);
      const none = await kubectl.run(`exec ${pod} -- no-such-program`);
      assert.match(none.err, /cannot run "no-such-program": it is in no directory of PATH/);
      const wrong = await kubectl.run(`exec ${pod} -c other -- ls`);
      assert.match(wrong.err, /container other is not valid for pod|container not found/);
      const bytes = Buffer.alloc(700_000, "varve ");
      await writeFile(join(directory, "out"), bytes);
      const [there, back] = [join(directory, "there"), join(directory, "back")];
      await kubectl.says(`cp ${join(directory, "out")} ${pod}:${there}`);
      assert.deepEqual(await readFile(there), bytes);
      await kubectl.says(`cp ${pod}:${there} ${back}`);
      assert.deepEqual(await readFile(back), bytes);
    },
  },
  {
    title: "attach tells what comes, and a kubectl before WebSockets what to use instead",
    async act(place) {
      const { kubectl, varve } = place;
      const pod = await podOf(place);
      const attached = kubectl.start(`attach ${pod}`);
      let heard = "";
      attached.stdout?.on("data", (it) => {
        heard += String(it);
      });
      const ask = "require('http').get('http://127.0.0.1:' + process.env.PORT + '/two')";
      await untilSo(async () => {
        await kubectl.says(`exec ${pod} -- node -e`, ask);
        return heard.startsWith("asked /two\n") ? true : undefined;
      });
      attached.kill();
      const old = new Kubectl(varve, { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false" });
      const { code, err } = await old.run(`exec ${pod} -- true`);
      assert.equal(code, 1);
      assert.match(err, /served over a WebSocket alone.*"SPDY\/3.1": use kubectl 1.31 or newer/);
      const { token = "", authority = "" } = await readKubeconfig(join(varve.home, "kubeconfig"));
      const path = `/api/v1/namespaces/default/pods/${pod}/exec?command=ls`;
      const headers = { authorization: `Bearer ${token}`, origin: "https://evil.example" };
      const socket = new WebSocket(`${varve.endpoints.api.replace("http", "ws")}${path}`, {
        ...{ headers, ca: authority },
      });
      const [refusal] = await once(socket, "error");
      assert.match(String(refusal), /Unexpected server response: 403/);
    },
  },
  {
    title: "port-forward reaches the app by the port it asked for, and no other port",
    async act(place) {
      const { kubectl } = place;
      const pod = await podOf(place);
      const forwarding = kubectl.start(`port-forward ${pod} :8080 :22`);
      try {
        const ports = await forwarded(forwarding.stdout);
        const url = `http://127.0.0.1:${ports.get("8080")}`;
        const body = Buffer.alloc(500_000);
        const asked = [1, 2, 3].map(async (at) => {
          const response = await fetch(`${url}/${at}`, { method: "POST", body });
          return await response.text();
        });
        const says = [1, 2, 3].map((at) => `talker says /${at}`);
        assert.deepEqual(await Promise.all(asked), says);
        let refused = "";
        forwarding.stderr?.on("data", (it) => {
          refused += String(it);
        });
        await assert.rejects(fetch(`http://127.0.0.1:${ports.get("22")}/`));
        await untilSo(async () => (refused.includes("has no port 22: only 8080") ? 1 : undefined));
      } finally {
        forwarding.kill();
      }
    },
  },
  {
    title: "top shows what the instance and the machine use",
    async act(place) {
      const { kubectl } = place;
      const pod = await podOf(place);
      const top = await kubectl.says("top pod");
      assert.match(top, new RegExp(`^${pod} +\\d+m +[1-9]\\d*Mi`, "m"));
      assert.match(await kubectl.says("top node"), /^local +\d+m +\d+% +[1-9]\d*Mi +\d+%/m);
      const raw = `/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/${pod}`;
      const { window, containers } = JSON.parse(await kubectl.says(`get --raw ${raw}`));
      assert.match(window, /^[\d.]+s$/);
      assert.match(containers[0].usage.cpu, /^\d+n$/);
    },
  },
  {
    title: "an instance that ended is shown with its end, its restarts and its log before",
    async act(place) {
      const { kubectl } = place;
      const pod = await podOf(place);
      const ask = "require('http').get('http://127.0.0.1:' + process.env.PORT + '/exit')";
      await kubectl.run(`exec ${pod} -- node -e`, `${ask}.on('error', () => {})`);
      await untilSo(async () => {
        const row = await kubectl.says(`get pod ${pod}`);
        return / 1\/1 +Running +1 \(\d+s ago\) /.test(row) ? true : undefined;
      });
      assert.match(await kubectl.says(`logs ${pod} --previous`), /^begun\n[\s\S]*asked \/exit\n$/);
      const described = await kubectl.says(`describe pod ${pod}`);
      assert.match(
        described,
        /Last State: +Terminated\s+Reason: +Error[\s\S]*Exit Code: +7\s+Started:/,
      );
    },
  },
  {
    title: "events of both versions, and waits for what is and for what is gone",
    async act(place) {
      const { kubectl } = place;
      const core = await kubectl.says("events --for ksvc/talker");
      assert.match(core, /Normal +Created +Service\/talker +Created Route "talker"/);
      const both = ["events", "events.v1.events.k8s.io"].map(async (kind) => {
        const out = await kubectl.says(`get ${kind} --no-headers`, "-o", "name");
        return out.split("\n").map((it) => it.split("/")[1]);
      });
      const [old, now] = await Promise.all(both);
      assert.deepEqual(now, old);
      const pod = await podOf(place);
      await kubectl.says(`wait --for=condition=Ready pod/${pod} --timeout=20s`);
      await kubectl.says(`wait --for=jsonpath={.status.phase}=Running pod/${pod} --timeout=20s`);
      await kubectl.says(`delete pod ${pod} --wait=false`);
      await kubectl.says(`wait --for=delete pod/${pod} --timeout=30s`);
      await kubectl.says("wait --for=condition=Ready ksvc/talker --timeout=30s");
    },
  },
];

/** Which port of this machine each of two ports is reached by. */
async function forwarded(out: NodeJS.ReadableStream | null): Promise<Map<string, string>> {
  let said = "";
  // A reader that leaves would end kubectl at its next word.
  out?.on("data", (it) => {
    said += String(it);
  });
  return await untilSo(async () => {
    const lines = [...said.matchAll(/127.0.0.1:(\d+) -> (\d+)/g)];
    const ports = lines.map(([, own = "", port = ""]) => [port, own] as const);
    return ports.length === 2 ? new Map(ports) : undefined;
  });
}
