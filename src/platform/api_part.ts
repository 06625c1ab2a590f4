import type { ObjectKey } from "../api/meta.ts";
import { assert } from "../base/assert.ts";
import type { HttpServer } from "../base/http_server.ts";
import type { Log } from "../base/log.ts";
import type { Fleet } from "../gateway/fleet.ts";
import type { Autoscaler } from "../reconcilers/revision/autoscaler.ts";
import type { Addressing } from "../reconcilers/route/desired.ts";
import { makeApiServer } from "../server/api_server.ts";
import type { Backups } from "../server/backup_routes.ts";
import type { ServerContext } from "../server/context.ts";
import type { RotatedKey } from "../server/key_routes.ts";
import type { PodLogs } from "../server/pod_log.ts";
import type { Measure } from "../server/pod_metrics.ts";
import type { Uploads } from "../server/upload_routes.ts";
import type { Verify } from "../server/verify_route.ts";
import type { Doors } from "./access.ts";
import type { Config } from "./config.ts";
import type { Credentials } from "./credentials.ts";
import { type Endpoints, urlAt, writeEndpoints } from "./endpoints.ts";
import type { Home } from "./home.ts";
import type { Housekeeping } from "./housekeeping.ts";
import type { PodDoors } from "./pod_doors.ts";
import { sightOf } from "./sight.ts";
import type { Part } from "./start_all.ts";
import { VERSION } from "./version.ts";

export interface ApiPartDeps {
  readonly config: Config;
  readonly home: Home;
  readonly credentials: Credentials;
  readonly context: ServerContext;
  readonly doors: Doors;
  readonly podLogs: PodLogs;
  readonly measure: Measure;
  readonly podDoors: PodDoors;
  readonly uploads: Uploads;
  readonly backups: Backups;
  readonly rotateKey: () => Promise<RotatedKey>;
  readonly verify: Verify;
  readonly gateway: Fleet;
  readonly autoscaler: Autoscaler;
  readonly housekeeping: Pick<Housekeeping, "freedBytes" | "freedCacheBytes">;
  readonly log: Log;
}

/** The API on its address, which it writes down for others to find. */
export class ApiPart implements Part {
  readonly #deps: ApiPartDeps;
  readonly #server: HttpServer;
  #port: number | undefined;
  /** Where logs are read. */
  readonly links = {
    /** The Pods of a Revision: each has its log below it. */
    logUrl: ({ namespace, name }: ObjectKey): string => {
      const selector = encodeURIComponent(`serving.knative.dev/revision=${name}`);
      return `${this.#url()}/api/v1/namespaces/${namespace}/pods?labelSelector=${selector}`;
    },
    podLogUrl: ({ namespace, name }: ObjectKey): string =>
      `${this.#url()}/api/v1/namespaces/${namespace}/pods/${name}/log`,
  };

  constructor(deps: ApiPartDeps) {
    this.#deps = deps;
    const { context, config, doors, uploads, backups, rotateKey, credentials, log } = deps;
    const { podLogs, measure, podDoors, verify } = deps;
    const sight = sightOf(deps);
    const shared = { podLogs, measure, uploads, backups, rotateKey, sight, verify };
    this.#server = makeApiServer({
      ...{ ...doors, ...podDoors, ...shared, context, log },
      requestsPerSecond: config.access.requestsPerSecond,
      streamsPerUser: config.access.streamsPerUser,
      tls: { ...credentials.server, clientAuthority: credentials.authority.cert },
      version: VERSION,
      troubles: () => this.troubles(),
    });
  }

  async start(): Promise<void> {
    const { config, home, credentials, log } = this.#deps;
    this.#port = await this.#server.listen(config.api);
    await writeEndpoints(home, this.endpoints, credentials);
    log.info({ ...this.endpoints, home: home.path }, "ready");
  }

  get endpoints(): Endpoints {
    const { config, gateway } = this.#deps;
    const { port } = addressingOf(config, gateway);
    const { tlsAddress: tls } = gateway;
    return {
      api: this.#url(),
      gateway: urlAt("http", config.gateway.host, port),
      ...(tls !== undefined && { gatewayTls: urlAt("https", tls.host, tls.port) }),
    };
  }

  /** What is not well, a line each. */
  troubles(): readonly string[] {
    return this.#deps.gateway.ready > 0 ? [] : ["gateway: no worker serves"];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  #url(): string {
    const { host, port } = this.#deps.config.api;
    return urlAt("https", host, this.#port ?? port);
  }
}

/** How the gateway is reached from outside. */
export function addressingOf({ domain }: Config, gateway: Fleet): Addressing {
  const { address } = gateway;
  assert(address !== undefined, "the gateway has started before anybody asks where it is");
  return { domain, scheme: "http", port: address.port };
}
