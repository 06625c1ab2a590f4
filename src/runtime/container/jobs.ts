import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { ContainerEnd, ContainerJob, Containers } from "../../build/containers.ts";
import type { ImageStore } from "../../oci/oci.ts";
import { NotStarted } from "../not_started.ts";
import { unlessAborted } from "../unless_aborted.ts";
import { Connections, type ConnectionsOptions } from "./connection.ts";
import { type Engine, EngineError, isStatus } from "./engine.ts";
import { LABEL, look, removeContainer, sweep } from "./engine_container.ts";
import { CREATED, WAITED } from "./engine_schema.ts";
import { whyUnfit } from "./fitness.ts";
import { framesOf } from "./frames.ts";
import { LoadedImages } from "./loaded_images.ts";
import { containerOf } from "./plan.ts";
import { makeTerminationFile, readTerminationMessage } from "./termination_message.ts";
import { layOutVolumes } from "./volumes.ts";
import { reasonIn } from "./words.ts";

export interface JobsOptions {
  readonly images: ImageStore;
  /** Where an engine may be: the first that answers is taken. */
  readonly addresses: ConnectionsOptions["addresses"];
  /** The directory of the builds: it tells their containers from those of other servers. */
  readonly home: string;
  readonly clock: Clock;
  readonly log: Log;
  /** How many processes and threads a job may have. */
  readonly pidsMax?: number;
}

/** What a step may write while we are slow to read it. */
const LOG_MEGABYTES = 16;
const PIDS_MAX = 4096;

/** Runs the containers of builds to their end, by the engine that instances have as well. */
export class Jobs implements Containers {
  readonly #options: JobsOptions;
  readonly #connections: Connections;
  readonly #loaded: LoadedImages;
  readonly #mark: string;
  readonly #running = new Set<string>();
  #count = 0;

  constructor(options: JobsOptions) {
    const { addresses, clock, images, home } = options;
    const mark = createHash("sha256").update(resolve(home)).digest("hex").slice(0, 12);
    this.#options = options;
    this.#mark = mark;
    this.#loaded = new LoadedImages({ images, mark });
    // What another life of this server has left would write into files that are not there.
    const welcome: ConnectionsOptions["welcome"] = ({ engine }) => this.#clear(engine);
    this.#connections = new Connections({ addresses, clock, welcome });
  }

  async whyNone(): Promise<string | undefined> {
    try {
      await this.#connections.live();
      return undefined;
    } catch (thrown) {
      if (thrown instanceof NotStarted || thrown instanceof EngineError) return thrown.message;
      throw thrown;
    }
  }

  async run(job: ContainerJob): Promise<ContainerEnd> {
    const { signal, image, directory, container: asked, volumes } = job;
    const { images } = this.#options;
    const { config } = await images.image(image);
    return await this.#connections.use(async ({ engine, platform, network }) => {
      const refusal = whyUnfit(config, platform);
      if (refusal !== undefined) throw new NotStarted(`image ${image} cannot run here: ${refusal}`);
      const name = await unlessAborted(signal, this.#loaded.get(engine, image));
      mkdirSync(directory, { recursive: true });
      const mounts = [
        ...layOutVolumes({ volumes, mounts: asked.mounts }, directory),
        makeTerminationFile(directory, asked.terminationMessagePath),
      ];
      const pidsMax = this.#options.pidsMax ?? PIDS_MAX;
      const labels = this.#labelsOf(job);
      const around = { network, image: name, labels, mounts, pidsMax, logMegabytes: LOG_MEGABYTES };
      signal.throwIfAborted();
      return await this.#runAs(this.#nameOf(job), engine, {
        job,
        body: containerOf(asked, config, around),
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connections[Symbol.asyncDispose]();
  }

  async #runAs(container: string, engine: Engine, { job, body }: Running): Promise<ContainerEnd> {
    const { signal } = job;
    this.#running.add(container);
    let removing: Promise<void> | undefined;
    const stop = () => {
      removing = removeContainer(engine, container).catch(() => {});
    };
    try {
      const query = { name: container };
      const { Id: id } = await engine.post("/containers/create", CREATED, { query, body });
      signal.addEventListener("abort", stop);
      signal.throwIfAborted();
      await engine.act(`/containers/${id}/start`);
      job.onStart();
      await follow(engine, id, job);
      return await endOf(engine, id, job);
    } catch (thrown) {
      // The engine has not found something: only the image can be missing.
      if (isStatus(thrown, 404)) this.#loaded.forget(engine, job.image);
      signal.throwIfAborted();
      if (!(thrown instanceof EngineError) || thrown.status === 0) throw thrown;
      const why = `the container engine refuses: ${reasonIn(thrown.message)}`;
      throw new NotStarted(why, { cause: thrown });
    } finally {
      signal.removeEventListener("abort", stop);
      // The engine answers at once to who asks for the same again: over is when the first is.
      await removing;
      await removeContainer(engine, container).catch((err: unknown) => {
        this.#options.log.warn({ err, container }, "Cannot remove a container of a build");
      });
      this.#running.delete(container);
    }
  }

  async #clear(engine: Engine): Promise<void> {
    const { log } = this.#options;
    for (const err of await sweep(engine, this.#mark, this.#running))
      log.warn({ err }, "Cannot remove a container of a build that is over");
  }

  #labelsOf({ name }: ContainerJob) {
    return { [LABEL.server]: this.#mark, [LABEL.instance]: name };
  }

  /** What `docker ps` shows: each run has one of its own. */
  #nameOf({ name }: ContainerJob): string {
    this.#count += 1;
    const plain = name.replaceAll("/", ".").replaceAll(/[^A-Za-z0-9_.-]/g, "_");
    return `varve-${this.#mark}-${plain}-${this.#count}`;
  }
}

interface Running {
  readonly job: ContainerJob;
  readonly body: object;
}

/** Tells what a container writes, line by line, until it has ended. */
async function follow(engine: Engine, id: string, { signal, onLine }: ContainerJob): Promise<void> {
  const query = { follow: 1, stdout: 1, stderr: 1 };
  const chunks = await engine.stream(`/containers/${id}/logs`, { query, signal });
  for await (const frames of framesOf(chunks)) {
    // The engine keeps them by lines, and so it sends them.
    for (const { payload } of frames) onLine(payload.toString().replace(/\r?\n$/, ""));
  }
}

async function endOf(engine: Engine, id: string, job: ContainerJob): Promise<ContainerEnd> {
  const { StatusCode } = await engine.post(`/containers/${id}/wait`, WAITED, { limitMs: 0 });
  const found = await look(engine, id);
  const message = readTerminationMessage(job.directory) ?? "";
  return { exitCode: StatusCode, isOutOfMemory: found?.State.OOMKilled === true, message };
}
