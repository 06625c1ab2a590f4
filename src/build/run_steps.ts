import { chmod, lstat, mkdir, readdir, rename, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { HOME_PATH, WORKSPACE_PATH } from "../api/build_spec.ts";
import type { Clock } from "../base/clock.ts";
import { isMissing } from "../base/durable_file.ts";
import { type Digest, OciError, type Registry } from "../oci/oci.ts";
import type { ArchiveDeps } from "./archive_source.ts";
import {
  CREDENTIALS_CONTAINER,
  type PartState,
  type PlannedContainer,
  type PlanPart,
  type StepSource,
  type StepsRequest,
} from "./build.ts";
import { BuildError, lastWords } from "./build_error.ts";
import type { Containers, StepMount, StepVolume } from "./containers.ts";
import { fetchAny, partOf } from "./fetch_source.ts";
import { secretsOf, writeLogins } from "./logins.ts";
import { fetchManifest } from "./manifest_source.ts";
import { StepError } from "./step.ts";
import type { Work } from "./work.ts";

export interface StepsDeps extends ArchiveDeps {
  readonly containers: Containers;
  readonly registry: Pick<Registry, "pull">;
  readonly clock: Clock;
  /** Learns how far each part has come, whenever that changes. */
  readonly onParts: (parts: readonly PartState[]) => void;
  /** Learns what the first source is, exactly. */
  readonly onOrigin: (origin: string) => void;
}

/** No volume of a user's has such a name. */
const WORKSPACE = ".workspace";
const HOME = ".home";
const EVERYBODY = 0o777;
const TAIL_LINES = 10;
/** What shows as the image of what is fetched without one. */
const NO_IMAGE = "varve";

/** Fetches the sources of a plan and runs its steps, one after the other, over the same files. */
export async function runSteps(request: StepsRequest, work: Work, deps: StepsDeps): Promise<void> {
  const { plan } = request;
  const steps = new StepsAtWork(request, work, deps);
  for (const secret of secretsOf(plan.logins)) work.hide(secret);
  await steps.during(CREDENTIALS_CONTAINER, () => steps.prepare());
  for (const part of plan.parts) await steps.during(part.container, () => steps.run(part));
}

/** How the parts of a plan stand before any has begun. */
export function partsOf({ plan }: StepsRequest): readonly PartState[] {
  const first = { container: CREDENTIALS_CONTAINER, image: NO_IMAGE, isStep: false };
  const others = plan.parts.map((part) => ({
    container: part.container,
    image: part.type === "source" ? NO_IMAGE : part.step.image,
    isStep: part.type === "step",
  }));
  return [first, ...others];
}

class StepsAtWork {
  readonly #request: StepsRequest;
  readonly #work: Work;
  readonly #deps: StepsDeps;
  #parts: readonly PartState[];
  /** What of the workspace steps have for the whole. */
  #subPath: string | undefined;

  constructor(request: StepsRequest, work: Work, deps: StepsDeps) {
    this.#request = request;
    this.#work = work;
    this.#deps = deps;
    this.#parts = partsOf(request);
  }

  /** Runs a part, and tells when it begins and how it ends. */
  async during(container: string, act: () => Promise<void>): Promise<void> {
    const { clock } = this.#deps;
    this.#work.enter(container);
    // A container begins when its image is here, and says so itself.
    const isContainer = this.#request.plan.parts.some(
      (part) => part.container === container && part.type !== "source",
    );
    if (!isContainer) this.#note(container, { startedAt: clock.timestamp() });
    try {
      await act();
      this.#note(container, { endedAt: clock.timestamp(), exitCode: 0, reason: "Completed" });
    } catch (thrown) {
      const { aborted, reason } = this.#work.signal;
      const message = this.#work.withoutSecrets(lastWords(aborted ? reason : thrown));
      const exitCode = thrown instanceof StepError ? (codeIn(thrown) ?? 1) : 1;
      const end = { endedAt: clock.timestamp(), exitCode, reason: "Error", message };
      this.#note(container, end);
      throw thrown;
    }
  }

  async prepare(): Promise<void> {
    const { logins } = this.#request.plan;
    for (const name of [WORKSPACE, HOME]) {
      const path = this.#work.at("volumes", name);
      await mkdir(path, { recursive: true });
      // Steps run as whoever their image says.
      await chmod(path, EVERYBODY);
    }
    const directory = this.#work.at("volumes", HOME);
    await writeLogins(logins, { directory, home: HOME_PATH });
  }

  async run(part: PlanPart): Promise<void> {
    if (part.type === "source") return await this.#fetch(part.source);
    const { subPath } = this.#request.plan;
    if (part.type === "step" && subPath !== undefined && this.#subPath === undefined) {
      const workspace = this.#work.at("volumes", WORKSPACE);
      // Throws when it is not there, or leads out.
      await partOf(workspace, subPath);
      this.#subPath = subPath;
    }
    await this.#runContainer(part.container, part.step);
  }

  async #fetch({ from, targetPath }: StepSource): Promise<void> {
    const work = this.#work;
    const { logins } = this.#request.plan;
    const deps = { ...this.#deps, logins, keepsTop: true };
    const origin =
      from.type === "manifest"
        ? await fetchManifest(from, work, deps)
        : await fetchAny(from, work, deps);
    deps.onOrigin(origin);
    work.say(`fetched ${origin}`);
    const directory = await directoryIn(work.at("volumes", WORKSPACE), targetPath);
    await moveInto(work.at("source"), directory, targetPath);
  }

  async #runContainer(name: string, planned: PlannedContainer): Promise<void> {
    const { containers, clock } = this.#deps;
    const { id, plan } = this.#request;
    const work = this.#work;
    const { image: _, credentials: __, ...container } = planned;
    const image = await this.#imageOf(planned);
    const tail: string[] = [];
    const { exitCode, isOutOfMemory, message } = await containers.run({
      name: `${id}/${name}`,
      image,
      container: {
        ...container,
        workingDir: container.workingDir ?? WORKSPACE_PATH,
        env: { HOME: HOME_PATH, ...container.env },
        mounts: this.#mountsOf(container.mounts),
      },
      volumes: [...OWN_VOLUMES, ...plan.volumes],
      directory: work.at("volumes"),
      signal: work.signal,
      onStart: () => this.#note(name, { startedAt: clock.timestamp() }),
      onLine: (line) => {
        work.say(line);
        if (line.trim() !== "" && tail.push(line) > TAIL_LINES) tail.shift();
      },
    });
    work.signal.throwIfAborted();
    const said = message.trim() === "" ? tail : message.trimEnd().split("\n");
    if (isOutOfMemory && exitCode !== 0)
      throw new StepError("was ended for want of memory: give it more", said);
    if (exitCode !== 0) throw new StepError(`failed with exit code ${exitCode}`, said);
    if (message !== "") this.#note(name, { message: work.withoutSecrets(message) });
  }

  /** What a user mounts at the places of ours counts more. */
  #mountsOf(mounts: readonly StepMount[]): readonly StepMount[] {
    const narrow = this.#subPath === undefined ? {} : { subPath: this.#subPath };
    const own = [
      { volume: WORKSPACE, path: WORKSPACE_PATH, ...narrow },
      { volume: HOME, path: HOME_PATH },
    ];
    const taken = new Set(mounts.map(({ path }) => path.replace(/\/+$/, "")));
    return [...own.filter(({ path }) => !taken.has(path)), ...mounts];
  }

  /** The registry is asked first: a tag may mean something else there by now. */
  async #imageOf({ image, credentials }: PlannedContainer): Promise<Digest> {
    const { registry, images } = this.#deps;
    const { signal } = this.#work;
    try {
      this.#work.say(`fetching image ${image}`);
      return await registry.pull(image, { signal, ...(credentials && { credentials }) });
    } catch (thrown) {
      if (!(thrown instanceof OciError)) throw thrown;
      const here = await images.resolve(image);
      if (here === undefined) throw thrown;
      this.#work.say(`using the copy of ${image} that is here: ${thrown.message}`);
      return here;
    }
  }

  #note(container: string, change: Partial<PartState>): void {
    this.#parts = this.#parts.map((it) => (it.container === container ? { ...it, ...change } : it));
    this.#deps.onParts(this.#parts);
  }
}

const OWN_VOLUMES: readonly StepVolume[] = [{ name: WORKSPACE }, { name: HOME }];

function codeIn({ what }: StepError): number | undefined {
  const [, code] = /exit code (\d+)/.exec(what) ?? [];
  return code === undefined ? undefined : Number(code);
}

/** A directory below `root`, made when it is missing. What is there may be anybody's links. */
async function directoryIn(root: string, path: string): Promise<string> {
  let at = root;
  for (const step of path.split("/").filter((it) => it !== "" && it !== ".")) {
    at = join(at, step);
    const found = await lookAt(at);
    if (found === undefined) await mkdir(at);
    else if (!found.isDirectory()) {
      const why = `"${step}" is there already, and is no directory`;
      throw new BuildError("SourceMissing", `Cannot put a source into "${path}": ${why}`);
    }
  }
  return at;
}

/** Moves what is in one directory into another, where other sources may be. */
async function moveInto(from: string, to: string, path: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    const found = await lookAt(target);
    if (found === undefined) await rename(source, target);
    else if (found.isDirectory() && entry.isDirectory()) {
      await moveInto(source, target, join(path, entry.name));
    } else {
      const why = "another source has that as well; give one of them another targetPath";
      throw new BuildError("SourceMissing", `Cannot put "${join(path, entry.name)}": ${why}`);
    }
  }
  await rmdir(from);
}

async function lookAt(path: string) {
  return await lstat(path).catch((thrown: unknown) => {
    if (isMissing(thrown)) return undefined;
    throw thrown;
  });
}
