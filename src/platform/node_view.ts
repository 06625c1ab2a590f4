import { isDeepStrictEqual } from "node:util";
import { isReason } from "../api/error.ts";
import { NODE, type Node, type NodeCondition, type NodeStatus, THIS_NODE } from "../api/node.ts";
import { type Clock, every } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { type Load, loadOf, type Machine, thisMachine } from "../base/machine.ts";
import type { Client } from "../client/client.ts";
import type { Part } from "./start_all.ts";

export interface NodeViewDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Log;
  /** A path on the file system that instances and images are on. */
  readonly home: string;
  /** Names the driver that runs instances: "process". */
  readonly runtime: string;
  readonly version: string;
}

const LOOK_MS = 10_000;
/** Without news the Node is written this seldom, to show that somebody still looks. */
const HEARTBEAT_MS = 5 * 60_000;

/** Where Kubernetes' kubelets begin to worry. */
const MEMORY_BYTES_MIN = 100 * 1024 * 1024;
const DISK_SHARE_MIN = 0.1;
const TASKS_SHARE_MAX = 0.9;

/** Shows this machine as a Node, which is written when there is news, and else seldom. */
export class NodeView implements Part {
  readonly #deps: NodeViewDeps;
  #timer: Disposable | undefined;
  #writtenMs = -Infinity;
  #conditions: readonly NodeCondition[] = [];

  constructor(deps: NodeViewDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    await this.#look();
    this.#timer = every(this.#deps.clock, LOOK_MS, () => this.#look());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.[Symbol.dispose]();
  }

  async #look(): Promise<void> {
    const { clock, client, log, home } = this.#deps;
    try {
      const node = await this.#node();
      const next = conditionsOf(loadOf(home), node.status?.conditions ?? [], clock.timestamp());
      const isNews = !isDeepStrictEqual(next.map(sayings), this.#conditions.map(sayings));
      if (!isNews && clock.elapsed() - this.#writtenMs < HEARTBEAT_MS) return;
      await client.putStatus<Node>({ ...node, status: statusFor(next, this.#deps) });
      this.#conditions = next;
      this.#writtenMs = clock.elapsed();
    } catch (thrown) {
      log.warn({ err: thrown }, "cannot show this machine as a Node: will try again");
    }
  }

  async #node(): Promise<Node> {
    const { client } = this.#deps;
    try {
      return await client.get(NODE, { name: THIS_NODE });
    } catch (thrown) {
      if (!isReason(thrown, "NotFound")) throw thrown;
      const { hostname, os, architecture } = thisMachine();
      const labels = {
        "kubernetes.io/hostname": labelOf(hostname),
        "kubernetes.io/os": os,
        "kubernetes.io/arch": architecture,
        "node-role.kubernetes.io/control-plane": "",
      };
      const { apiVersion, kind } = NODE;
      const metadata = { name: THIS_NODE, labels };
      return await client.create<Node>({ apiVersion, kind, metadata, spec: {} });
    }
  }
}

/** How the machine is, in the words of Kubernetes. Since when is kept while it stays so. */
export function conditionsOf(
  load: Load,
  before: readonly NodeCondition[],
  now: string,
): readonly NodeCondition[] {
  const { memoryAvailableBytes, diskBytes, diskAvailableBytes, tasks = 0, tasksMax = 1 } = load;
  const hasMemory = memoryAvailableBytes >= MEMORY_BYTES_MIN;
  const hasDisk = diskAvailableBytes >= DISK_SHARE_MIN * diskBytes;
  const hasTasks = tasks <= TASKS_SHARE_MAX * tasksMax;
  const said = [
    pressure("Memory", hasMemory, "memory to give"),
    pressure("Disk", hasDisk, "space on its disk"),
    pressure("PID", hasTasks, "room for processes"),
    {
      type: "Ready",
      status: "True" as const,
      reason: "VarveReady",
      message: "Varve runs instances here",
    },
  ];
  return said.map((condition) => {
    const last = before.find(({ type }) => type === condition.type);
    const since = last?.status === condition.status ? last.lastTransitionTime : undefined;
    return { ...condition, lastHeartbeatTime: now, lastTransitionTime: since ?? now };
  });
}

function pressure(what: string, isEnough: boolean, words: string) {
  return {
    type: `${what}Pressure`,
    status: isEnough ? ("False" as const) : ("True" as const),
    reason: isEnough ? `HasSufficient${what}` : `HasInsufficient${what}`,
    message: `The machine has ${isEnough ? "enough" : "too little"} ${words}`,
  };
}

function statusFor(conditions: readonly NodeCondition[], deps: NodeViewDeps): NodeStatus {
  const machine = thisMachine();
  const { cores, memoryBytes, address, hostname } = machine;
  const { diskBytes } = loadOf(deps.home);
  const capacity = {
    cpu: String(cores),
    memory: `${Math.floor(memoryBytes / 1024)}Ki`,
    "ephemeral-storage": `${Math.floor(diskBytes / 1024)}Ki`,
  };
  return {
    capacity,
    // Nothing is held back for ourselves.
    allocatable: capacity,
    conditions,
    addresses: [
      { type: "InternalIP", address },
      { type: "Hostname", address: hostname },
    ],
    nodeInfo: infoOf(machine, deps),
  };
}

function infoOf(machine: Machine, { runtime, version }: NodeViewDeps) {
  const { machineId, bootId, kernel, osImage, os, architecture } = machine;
  return {
    machineID: machineId,
    systemUUID: machineId,
    bootID: bootId,
    kernelVersion: kernel,
    osImage,
    containerRuntimeVersion: `varve-${runtime}://${version}`,
    kubeletVersion: `v1.32.0+varve-${version}`,
    kubeProxyVersion: "",
    operatingSystem: os,
    architecture,
  };
}

/** What a condition says, whenever it was looked at. */
function sayings({ type, status, reason, message }: NodeCondition) {
  return { type, status, reason, message };
}

function labelOf(hostname: string): string {
  return hostname
    .slice(0, 63)
    .replaceAll(/[^A-Za-z0-9._-]/g, "-")
    .replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "");
}
