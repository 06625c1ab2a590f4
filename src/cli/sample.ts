import { isAbsolute, join, relative } from "node:path";
import { isReason } from "../api/error.ts";
import { SERVICE, type Service } from "../api/service.ts";
import type { Asked, Command, Context, Server } from "./command.ts";
import { deployService, type Order } from "./deploy/deploy_service.ts";
import { tellOutcome } from "./deploy/outcome.ts";
import { getService } from "./deploy/put_service.ts";
import { type ExitCode, Failure, failure } from "./failure.ts";
import { Progress } from "./progress.ts";
import { quoted } from "./quoted.ts";
import { moveTraffic } from "./traffic/move_traffic.ts";
import { type Known, targetNamed } from "./traffic/names.ts";
import { plannedTraffic } from "./traffic/plan.ts";
import { trafficRows } from "./traffic_facts.ts";

export const SAMPLE: Command = {
  name: "sample",
  group: "More",
  summary: "Deploy a sample service in two versions, and say what to try",
  text:
    'Deploys a sample service, "hello", in two versions, and splits the requests between them. ' +
    "Where it is there already, nothing changes. Says where it is, and what to try.",
  isHidden: true,
  examples: [{ line: "sample --home .varve", meaning: "On the server of this home." }],
  run,
};

const NAME = "hello";
const EXAMPLES = join(import.meta.dirname, "../../examples", NAME);
const SERVER_MS_MAX = 60_000;
const DEPLOY_MS_MAX = 120_000;
const LOOK_MS = 200;

async function run(_asked: Asked, context: Context): Promise<ExitCode> {
  const server = await awaited(context);
  const there = await getService(server, NAME, context.signal);
  if (there !== undefined) {
    await tell(there, context, server);
    return 0;
  }
  const { terminal, clock } = context;
  for (const version of ["v1", "v2"]) {
    const progress = new Progress({ terminal, clock });
    const deployed = await deployService(context, orderOf(version), { server, progress });
    progress[Symbol.dispose]();
    if (deployed.end?.phase !== "ready") return await tellOutcome(context, deployed, server);
  }
  const plan = (known: Known) => {
    const [first, second] = [targetNamed("1", known), targetNamed("2", known)];
    return plannedTraffic(known.service, {
      shares: new Map([
        [first, 90],
        [second, 10],
      ]),
      tags: new Map([
        ["v1", first],
        ["v2", second],
      ]),
      untags: [],
    });
  };
  const moved = await moveTraffic(context, server, { name: NAME, plan, waitMs: DEPLOY_MS_MAX });
  await tell(moved.service, context, server);
  return 0;
}

/** The second version is looked at first, and then gets its share. */
function orderOf(version: string): Order {
  return {
    what: { type: "directory", path: join(EXAMPLES, version) },
    name: NAME,
    wish: {},
    traffic: { isWithout: version !== "v1" },
    waitMs: DEPLOY_MS_MAX,
  };
}

/** The server, which may be about to start. */
async function awaited(context: Context): Promise<Server> {
  const { clock, signal } = context;
  const untilMs = clock.elapsed() + SERVER_MS_MAX;
  for (;;) {
    try {
      const server = await context.connect();
      const { client } = server;
      await client.list(SERVICE, { namespace: server.namespace, signal });
      return server;
    } catch (thrown) {
      const isAway = thrown instanceof Failure || isReason(thrown, "ServiceUnavailable");
      if (!isAway || clock.elapsed() > untilMs) throw thrown;
    }
    await clock.sleep(LOOK_MS, { signal });
  }
}

async function tell(service: Service, context: Context, server: Server): Promise<void> {
  const { terminal, environment, isJson } = context;
  const { url } = service.status ?? {};
  const rows = trafficRows(service);
  if (url === undefined) throw failure(`Service "${NAME}" is there, and has no address yet`);
  if (isJson) {
    await terminal.printJson({ service: NAME, url, traffic: rows });
    return;
  }
  const kubeconfig = near(server.kubeconfig, environment.directory);
  const [most] = rows.toSorted((one, other) => other.percent - one.percent);
  const other = rows.find(({ revision }) => revision !== most?.revision)?.revision ?? "@latest";
  const lines = [
    "",
    `A sample service runs in ${new Set(rows.map(({ revision }) => revision)).size} versions:`,
    "",
    `  ${url}`,
    ...rows.map((row) => `      ${`${row.percent} %`.padStart(5)}  ${row.revision}${tagOf(row)}`),
    "",
    "Try:",
    "",
    `  curl ${url}`,
    `  ${context.command(`traffic ${NAME} ${other}=50`)}`,
    `  kubectl --kubeconfig ${quoted(kubeconfig)} get ksvc,revisions`,
    "",
  ];
  await terminal.print(lines.join("\n"));
}

function tagOf({ url }: ReturnType<typeof trafficRows>[number]): string {
  return url === undefined ? "" : `  ${url}`;
}

/** As one would write it here. */
function near(path: string, directory: string): string {
  const way = relative(directory, path);
  return way.startsWith("..") || isAbsolute(way) ? path : way;
}
