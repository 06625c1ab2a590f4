import { KINDS } from "../api/kinds.ts";
import type { Chance } from "../base/chance.ts";
import type { Clock } from "../base/clock.ts";
import { textsOf } from "../base/dns_texts.ts";
import type { Log } from "../base/log.ts";
import { GarbageCollector } from "../control/garbage_collector.ts";
import { Manager } from "../control/manager.ts";
import { eventRecorder } from "../control/recorder.ts";
import { dnsProof } from "../reconcilers/domain_mapping/proof.ts";
import { Autoscaler } from "../reconcilers/revision/autoscaler.ts";
import { Rbac } from "../server/access/rbac.ts";
import { openDiskStore } from "../store/disk.ts";
import { makeDoors } from "./access.ts";
import { ApiPart, addressingOf } from "./api_part.ts";
import { backupsOf } from "./backup.ts";
import { CatchUp } from "./catch_up.ts";
import { CollectRevisions } from "./collect_revisions.ts";
import type { Config } from "./config.ts";
import { makeControllers } from "./controllers.ts";
import { credentialsFor } from "./credentials.ts";
import { DefaultAccess } from "./default_access.ts";
import { DefaultNamespace } from "./default_namespace.ts";
import { makeDrivers } from "./drivers.ts";
import type { Endpoints } from "./endpoints.ts";
import { freeMemory } from "./free_memory.ts";
import { checkRestored, homeAt, makeHome } from "./home.ts";
import { Housekeeping } from "./housekeeping.ts";
import { instanceSeal, KeyFile, SettledKeys } from "./key_file.ts";
import { LocalCache } from "./local_cache.ts";
import { localClient } from "./local_client.ts";
import { NodeView } from "./node_view.ts";
import { OwnDefinitions } from "./own_definitions.ts";
import { podDoorsOf } from "./pod_doors.ts";
import { podLogsOf } from "./pod_logs.ts";
import { inTwoSteps, startAll } from "./start_all.ts";
import { StartGarbage } from "./start_garbage.ts";
import { TakeDown } from "./take_down.ts";
import { makeTlsParts } from "./tls_parts.ts";
import { uploadsTo } from "./uploads.ts";
import { UsageSampler } from "./usage_sampler.ts";
import { verified } from "./verify.ts";
import { VERSION } from "./version.ts";

export interface PlatformDeps {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Log;
}

/** The whole of Varve, running. Disposing it stops it, as far as the configuration says. */
export interface Platform extends AsyncDisposable {
  readonly endpoints: Endpoints;
  /** Puts new gateway workers in the place of those that run, and nothing is lost by it. */
  replaceWorkers(): Promise<void>;
}

/** Starts every part in order. When one fails, those before it are stopped again. */
export async function startPlatform(config: Config, deps: PlatformDeps): Promise<Platform> {
  await using started = new AsyncDisposableStack();
  const home = homeAt(config.home);
  await makeHome(home);
  checkRestored(home);
  const credentials = await credentialsFor(config.api.host, { directory: home.pki, ...deps });
  const vault = await KeyFile.open({ path: config.access.secretsKey, log: deps.log });
  const store = started.use(await openDiskStore({ path: home.store, vault, log: deps.log }));
  // Once more: now that we have its lock, no restore begins.
  checkRestored(home);
  const cache = started.use(new LocalCache(store));
  const access = started.use(new Rbac(store));
  const doors = started.use(await makeDoors({ config, home, credentials, store, ...deps }));
  const context = { kinds: KINDS, store, access, accountTokens: doors.accountTokens, ...deps };
  const client = localClient(context);
  const shared = { client, cache, recorder: eventRecorder({ client, ...deps }), ...deps };
  const { http, ...drivers } = makeDrivers(home, config, { ...deps, seal: instanceSeal(vault) });
  const { images, builder, runtime, gateway } = started.adopt(drivers, () =>
    http[Symbol.asyncDispose](),
  );
  const sampler = new UsageSampler({ runtime, home: home.path, ...shared });
  const autoscaler = new Autoscaler({ ...deps, ...drivers, freeMemory });
  const housekeeping = new Housekeeping({ store, ...drivers, ...shared });
  const api = new ApiPart({
    ...{ autoscaler, housekeeping, log: deps.log },
    ...{ config, home, credentials, context, gateway, doors },
    podLogs: podLogsOf({ runtime, builder, cache }),
    podDoors: podDoorsOf({ runtime, cache }),
    measure: () => sampler.measure(),
    ...{ uploads: uploadsTo(images), backups: backupsOf({ home, store, ...deps }) },
    rotateKey: () => vault.rotate([store, runtime]),
    verify: (revision) => verified(revision, { cache, images }),
  });
  const tls = makeTlsParts({
    ...{ config, gateway, ...shared, authority: credentials.authority },
    directory: home.pki,
  });
  const controllers = makeControllers({
    ...{ ...shared, ...drivers, autoscaler },
    ...(config.domainProof === "dns" && { proof: dnsProof(textsOf) }),
    addressing: () => addressingOf(config, gateway),
    ...tls.routes,
    ...api.links,
  });
  const manager = new Manager({ controllers, ...shared });
  const workers = inTwoSteps(gateway);
  const parts = [
    workers.begin,
    images,
    builder,
    runtime,
    new SettledKeys(vault, runtime),
    new DefaultNamespace(client),
    new DefaultAccess(client),
    new OwnDefinitions({ kinds: KINDS, ...shared }),
    new NodeView({ ...shared, home: home.path, runtime: runtime.kind, version: VERSION }),
    sampler,
    workers.settle,
    new TakeDown({ runtime, gateway, leavesRunning: config.leavesRunning }),
    ...tls.parts,
    api,
    manager,
    new GarbageCollector({ kinds: KINDS, ...shared }),
    new CatchUp({ manager, gateway, runtime, ...shared }),
    housekeeping,
    new CollectRevisions(shared),
    new StartGarbage(deps.clock),
  ];
  started.use(await startAll(parts));
  const running = started.move();
  return {
    endpoints: api.endpoints,
    replaceWorkers: () => gateway.replaceWorkers(),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
