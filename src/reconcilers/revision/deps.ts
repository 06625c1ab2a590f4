import type { ScalingGlobals } from "../../api/autoscaler_config.ts";
import type { Build } from "../../api/build.ts";
import type { ConfigMap } from "../../api/config_map.ts";
import type { Configuration } from "../../api/configuration.ts";
import type { ObjectKey } from "../../api/meta.ts";
import type { Pod } from "../../api/pod.ts";
import type { Revision } from "../../api/revision.ts";
import type { Route } from "../../api/route.ts";
import type { Secret } from "../../api/secret.ts";
import type { ServiceAccount } from "../../api/service_account.ts";
import type { Chance } from "../../base/chance.ts";
import type { Clock } from "../../base/clock.ts";
import type { Builder } from "../../build/build.ts";
import type { Client, Lister } from "../../client/client.ts";
import type { Background } from "../../control/background.ts";
import type { Recorder } from "../../control/recorder.ts";
import type { References } from "../../control/references.ts";
import type { Gateway } from "../../gateway/route_table.ts";
import type { Digest, ImageStore, Registry } from "../../oci/oci.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Autoscaler } from "./autoscaler.ts";

export interface RevisionDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly recorder: Recorder;
  readonly configurations: Lister<Configuration>;
  readonly configMaps: Lister<ConfigMap>;
  readonly secrets: Lister<Secret>;
  readonly builds: Lister<Build>;
  readonly accounts: Lister<ServiceAccount>;
  readonly pods: Lister<Pod>;
  readonly revisions: Lister<Revision>;
  /** Who routes to "Configuration/…", "Revision/…", and has requests sent to "Serving/…" now. */
  readonly references: References<Route>;
  readonly images: ImageStore;
  readonly registry: Registry;
  readonly builder: Builder;
  readonly runtime: Runtime;
  readonly gateway: Gateway;
  readonly autoscaler: Autoscaler;
  /** What holds for every Revision, as it is said now. */
  readonly globals: () => ScalingGlobals;
  /** Where what an instance writes can be read. */
  readonly logUrl: (revision: ObjectKey) => string;
}

/** What the parts of the controller share between looks. */
export interface RevisionParts extends RevisionDeps {
  /** Images that are being fetched, by the uid of their Revision. */
  readonly pulls: Background<Digest>;
  /** Instances on their way out, by name. */
  readonly retiring: Background<void>;
  /** Instances that are about to be frozen, by name. */
  readonly freezing: Background<void>;
  /** Tokens of instances that are being renewed, by the instance's name. */
  readonly renewing: Background<void>;
}
