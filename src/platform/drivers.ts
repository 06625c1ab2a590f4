import { join } from "node:path";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import { HttpClient } from "../base/http_client.ts";
import type { Log } from "../base/log.ts";
import type { Seal } from "../base/seal.ts";
import { DiskBuilder } from "../build/disk_builder.ts";
import { Fleet } from "../gateway/fleet.ts";
import { DiskImageStore } from "../oci/disk.ts";
import type { ImageStore } from "../oci/oci.ts";
import { RemoteRegistry } from "../oci/registry.ts";
import { ContainerRuntime } from "../runtime/container/container_runtime.ts";
import { Jobs } from "../runtime/container/jobs.ts";
import { ProcessRuntime } from "../runtime/process/process_runtime.ts";
import { type OwnRuntime, Runtimes } from "../runtime/runtimes.ts";
import type { Config } from "./config.ts";
import type { Home } from "./home.ts";

interface DriverDeps {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Log;
  readonly seal: Seal;
}

/** The drivers of this server: which ones they are is decided here, and nowhere else. */
export interface Drivers {
  readonly http: HttpClient;
  readonly images: DiskImageStore;
  readonly registry: RemoteRegistry;
  readonly builder: DiskBuilder;
  readonly runtime: OwnRuntime;
  readonly gateway: Fleet;
}

/** Makes the drivers, and starts none. */
export function makeDrivers(home: Home, config: Config, deps: DriverDeps): Drivers {
  const { toolPath, workers, compileCache } = config;
  const { host, port } = config.gateway;
  const http = new HttpClient();
  const images = new DiskImageStore({ home: home.images, clock: deps.clock });
  const registry = new RemoteRegistry({
    ...{ images, http, insecure: config.insecureRegistries, ...deps },
  });
  const place = { home: home.builds, images, ...deps };
  const containers = new Jobs({ ...place, addresses: config.engines });
  return {
    http,
    images,
    registry,
    builder: new DiskBuilder({
      ...{ ...place, http, toolPath, containers, registry },
      ...(config.baseImage !== undefined && { baseImage: config.baseImage }),
    }),
    runtime: makeRuntime(home, config, { images, ...deps }),
    gateway: new Fleet({
      ...{ home: home.gateway, host, port, workers, limits: config.gatewayLimits, ...deps },
      tls: config.tlsGateway,
      settings: config.sight,
      ...(compileCache !== undefined && { compileCache: join(compileCache) }),
    }),
  };
}

interface RuntimeDeps extends DriverDeps {
  readonly images: ImageStore;
}

/** An image that a plain process can run is run so: that needs nothing, and starts sooner. */
function makeRuntime({ runtime: home }: Home, config: Config, deps: RuntimeDeps): OwnRuntime {
  const { toolPath, engines } = config;
  const processes = new ProcessRuntime({ home, toolPath, ...deps });
  const place = { home: join(home, "containers"), addresses: engines };
  return new Runtimes([processes, new ContainerRuntime({ ...place, ...deps })]);
}
