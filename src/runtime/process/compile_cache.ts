import { chownSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Digest } from "../../oci/oci.ts";
import type { Plan } from "./plan.ts";

const VARIABLE = "NODE_COMPILE_CACHE";

/**
 * Where Node keeps what it has compiled of each image, so that later instances of it start sooner.
 * It writes that when a process ends by itself, as a server does that heeds SIGTERM. Nothing else
 * of an app's Node is touched: which Node it is, is the app's affair.
 * Users have directories of their own: what one writes, no other runs.
 */
export class CompileCaches {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  start(): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o711 });
  }

  /** The plan, with a cache where Node runs. Who has a cache of its own keeps it. */
  give(plan: Plan, image: Digest): Plan {
    if (plan.env[VARIABLE] !== undefined || !isNode(plan)) return plan;
    const { uid, gid } = plan.user;
    const ofImage = join(this.#directory, image.replace(":", "-"));
    const path = join(ofImage, String(uid ?? "own"));
    mkdirSync(ofImage, { recursive: true, mode: 0o711 });
    mkdirSync(path, { recursive: true, mode: 0o700 });
    if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
    return { ...plan, env: { ...plan.env, [VARIABLE]: path } };
  }

  /** Removes those of images that are not kept. */
  async collect(kept: ReadonlySet<Digest>): Promise<void> {
    const names = readdirSync(this.#directory);
    const gone = names.filter((name) => !kept.has(name.replace("-", ":") as Digest));
    for (const name of gone) await rm(join(this.#directory, name), { recursive: true });
  }
}

function isNode({ command: [file], directory }: Plan): boolean {
  return basename(file) === "node" || existsSync(join(directory, "package.json"));
}
