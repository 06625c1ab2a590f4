import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import type { ImageConfig } from "../../oci/oci.ts";
import { NotStarted } from "../not_started.ts";
import type { Beginning, Known, Run } from "../run.ts";
import type { InstanceSpec } from "../runtime.ts";
import { unlessAborted } from "../unless_aborted.ts";
import { type Connection, NoEngine } from "./connection.ts";
import { ContainerRun } from "./container_run.ts";
import { EngineError, isStatus } from "./engine.ts";
import { addressOf, LABEL, look, removeContainer } from "./engine_container.ts";
import { CREATED } from "./engine_schema.ts";
import { whyUnfit } from "./fitness.ts";
import { planOf } from "./plan.ts";
import type { ContainerRecord, Shared } from "./shared.ts";
import { makeTerminationFile } from "./termination_message.ts";
import { caveatsOf, layOutVolumes } from "./volumes.ts";
import { reasonIn } from "./words.ts";

/** Begins a run: its record has the container's name before there is one. */
export async function beginRun(
  shared: Shared,
  beginning: Beginning<ContainerRecord>,
): Promise<Run> {
  const { connections, clock, images } = shared;
  const { image: digest } = beginning.spec;
  const beganMs = clock.elapsed();
  const { config } = await images.image(digest);
  const why = (reason: string) => `image ${digest} cannot run here: ${reason}`;
  try {
    return await connections.use(async (connection) => {
      const refusal = whyUnfit(config, connection.platform);
      if (refusal !== undefined) throw new NotStarted(why(refusal));
      return await begin(shared, beginning, { connection, config, beganMs });
    });
  } catch (thrown) {
    if (!(thrown instanceof NoEngine)) throw thrown;
    throw new NotStarted(why(thrown.message), { cause: thrown });
  }
}

/** Takes on a run whose container another server has started. It may be over by now. */
export async function adoptRun(
  shared: Shared,
  { spec, run, note }: Known<ContainerRecord>,
): Promise<Run | undefined> {
  return await shared.connections.use(async (connection) => {
    const { engine } = connection;
    const found = await look(engine, run.container);
    if (found?.Config?.Labels?.[LABEL.server] !== shared.mark) return undefined;
    if (found.State.Status === "created") {
      await removeContainer(engine, run.container);
      return undefined;
    }
    const address = addressOf(found, spec, connection) ?? run.address;
    const record = { ...run, id: found.Id, ...(address !== undefined && { address }) };
    note(record);
    const isFrozen = run.isFrozen === true;
    const live = new ContainerRun(shared, { spec, record, connection, isAdopted: true });
    // What was asked for last may not have come to be.
    if (found.State.Running === true && found.State.Paused !== isFrozen) {
      if (isFrozen) live.freeze();
      else live.thaw();
    }
    return live;
  });
}

/** What is left of an instance on this machine, apart from its record. */
export async function removeVolumes({ volumesOf }: Shared, name: string): Promise<void> {
  await rm(volumesOf(name), { recursive: true, force: true });
}

interface Place {
  readonly connection: Connection;
  readonly config: ImageConfig;
  readonly beganMs: number;
}

async function begin(shared: Shared, beginning: Beginning<ContainerRecord>, place: Place) {
  const { clock, loaded, pidsMax } = shared;
  const { spec, volumes, number, signal, save, note } = beginning;
  const { connection, config, beganMs } = place;
  const { engine } = connection;
  const image = await unlessAborted(signal, loaded.get(engine, spec.image));
  const loadedMs = clock.elapsed();
  const directory = shared.volumesOf(spec.name);
  mkdirSync(directory, { recursive: true, mode: 0o711 });
  const { isMapped } = connection;
  const mounts = [
    ...layOutVolumes({ ...spec, volumes: volumes() }, directory, { isMapped }),
    makeTerminationFile(directory, spec.terminationMessagePath),
  ];
  const labels = labelsOf(spec, shared);
  const body = planOf(spec, config, { ...connection, image, labels, mounts, pidsMax });
  const record: ContainerRecord = {
    number,
    container: nameOf(spec, number, shared),
    caveats: caveatsOf(spec),
    phase: "starting",
    startedAt: clock.timestamp(),
    unpackMs: loadedMs - beganMs,
  };
  signal.throwIfAborted();
  save(record);
  const { container } = record;
  const forget = () => loaded.forget(engine, spec.image);
  const made = await create(connection, { spec, container, body, forget });
  const begun = { ...record, ...made, startMs: clock.elapsed() - loadedMs };
  note(begun);
  return new ContainerRun(shared, { spec, record: begun, connection, isAdopted: false });
}

interface Creating {
  readonly spec: InstanceSpec;
  readonly container: string;
  readonly body: object;
  /** Called when the engine does not find something: only the image can be missing. */
  readonly forget: () => void;
}

async function create(connection: Connection, creating: Creating) {
  const { spec, container, body, forget } = creating;
  const { engine } = connection;
  try {
    const query = { name: container };
    const { Id: id } = await engine.post("/containers/create", CREATED, { query, body });
    await engine.act(`/containers/${id}/start`);
    const found = await look(engine, id);
    const address = found === undefined ? undefined : addressOf(found, spec, connection);
    return { id, ...(address !== undefined && { address }) };
  } catch (thrown) {
    if (isStatus(thrown, 404)) forget();
    await removeContainer(engine, container).catch(() => {});
    if (!(thrown instanceof EngineError) || thrown.status === 0) throw thrown;
    throw new NotStarted(`the container engine refuses: ${reasonIn(thrown.message)}`, {
      cause: thrown,
    });
  }
}

function labelsOf({ name, revision }: InstanceSpec, { mark }: Shared) {
  return { [LABEL.server]: mark, [LABEL.instance]: name, [LABEL.revision]: revision };
}

/** The name of one run's container: what `docker ps` shows. */
function nameOf({ name }: InstanceSpec, run: number, { mark }: Shared): string {
  const plain = name.replaceAll("/", ".").replaceAll(/[^A-Za-z0-9_.-]/g, "_");
  return `varve-${mark}-${plain}-${run}`;
}
