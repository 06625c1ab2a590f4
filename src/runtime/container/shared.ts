import type { Chance } from "../../base/chance.ts";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { ImageStore } from "../../oci/oci.ts";
import type { RunRecord } from "../records.ts";
import type { RevisionLogs } from "../revision_logs.ts";
import type { Instance } from "../runtime.ts";
import type { Connections } from "./connection.ts";
import type { LoadedImages } from "./loaded_images.ts";

/** What is known on disk of a run that is a container. */
export interface ContainerRecord extends RunRecord {
  /** Its name in the engine: it has that before it is there. */
  readonly container: string;
  /** Absent while it is about to be created. */
  readonly id?: string;
  readonly address?: NonNullable<Instance["address"]>;
}

/** What the runs of all instances share. */
export interface Shared {
  readonly connections: Connections;
  readonly images: ImageStore;
  readonly loaded: LoadedImages;
  readonly logs: RevisionLogs;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Log;
  readonly pidsMax: number;
  /** Tells our containers from those of other servers that use the same engine. */
  readonly mark: string;
  /** Where the volumes of an instance are. */
  readonly volumesOf: (name: string) => string;
}
