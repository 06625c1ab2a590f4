import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { NotStarted } from "../not_started.ts";
import type { InstanceSpec, Mount, Volume, VolumeFile } from "../runtime.ts";
import { isCode } from "../system_error.ts";

/** A mount as the engine is told of it. */
export interface EngineMount {
  readonly Type: "bind" | "tmpfs";
  readonly Source?: string;
  readonly Target: string;
  readonly ReadOnly: boolean;
  readonly TmpfsOptions?: { readonly SizeBytes?: number; readonly Mode: number };
}

type Mounting = Pick<InstanceSpec, "volumes" | "mounts">;

const EVERYBODY = 0o777;
const TMP = "/tmp";

/**
 * Lays out the volumes of an instance in a directory of its own, and says how they are mounted.
 * Files are written anew for each run; what an empty one holds stays for all runs of the instance.
 */
export function layOutVolumes(
  { volumes = [], mounts = [] }: Mounting,
  directory: string,
  { isMapped = false }: { readonly isMapped?: boolean } = {},
): readonly EngineMount[] {
  for (const { name, files, isInMemory = false } of volumes) {
    const path = join(directory, name);
    if (isInMemory) continue;
    if (files !== undefined) rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { recursive: true });
    // Whoever the container's user is may write to what is empty, as in Kubernetes.
    if (files === undefined) chmodSync(path, EVERYBODY);
    for (const file of files ?? []) {
      const at = join(path, file.path);
      mkdirSync(dirname(at), { recursive: true, mode: 0o755 });
      writeFileSync(at, Buffer.from(file.content, "base64"), { mode: 0o600 });
      chmodSync(at, !isMapped && isGiven(at, file) ? 0o600 : file.mode);
    }
  }
  const asked = mounts.flatMap((mount) => {
    const volume = volumes.find(({ name }) => name === mount.volume);
    return volume === undefined ? [] : [engineMountOf(mount, volume, directory)];
  });
  const hasTmp = asked.some(({ Target }) => Target === TMP);
  return hasTmp ? asked : [...asked, makeTmp(directory)];
}

/** Whether it could be given to its owner, where it has one. */
function isGiven(at: string, { owner }: VolumeFile): boolean {
  if (owner === undefined) return false;
  try {
    chownSync(at, owner, statSync(at).gid);
    return true;
  } catch (thrown) {
    // Nobody but root gives files away.
    if (isCode(thrown, "EPERM")) return false;
    throw thrown;
  }
}

/**
 * Puts what is another in these volumes in the place of what was laid out. Whoever opens a file
 * finds the one or the other, never a part, for it is written beside and renamed.
 */
export function refillVolumes(volumes: readonly Volume[], directory: string): void {
  for (const { name, files = [] } of volumes) {
    for (const { path, content } of files) replace(join(directory, name, path), content, directory);
  }
}

function replace(at: string, content: string, directory: string): void {
  const before = statSync(at, { throwIfNoEntry: false });
  const bytes = Buffer.from(content, "base64");
  // The next run lays out what was not there.
  if (before === undefined || readFileSync(at).equals(bytes)) return;
  const draft = join(directory, ".new");
  rmSync(draft, { force: true });
  writeFileSync(draft, bytes, { mode: 0o600 });
  chownSync(draft, before.uid, before.gid);
  chmodSync(draft, before.mode & 0o7777);
  renameSync(draft, at);
}

/**
 * There whatever the image has, and whatever else may be written (spec/elafros §5). It is not in
 * memory, which what is kept there for a while could use up; and no volume has such a name.
 */
function makeTmp(directory: string): EngineMount {
  const path = join(directory, ".tmp");
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
  chmodSync(path, 0o1777);
  return { Type: "bind", Source: path, Target: TMP, ReadOnly: false };
}

/** What was asked of volumes and cannot be had. */
export function caveatsOf({ volumes = [], mounts = [] }: Mounting): readonly string[] {
  return volumes.flatMap(({ name, files, isInMemory = false, bytesMax }) => {
    const places = mounts.filter(({ volume }) => volume === name).length;
    const isUnbounded = files === undefined && !isInMemory && bytesMax !== undefined;
    const size = `the size limit of volume "${name}" is not enforced: it is a directory`;
    const apart = `volume "${name}" is in memory, and each of its ${places} mounts has its own`;
    return [...(isUnbounded ? [size] : []), ...(isInMemory && places > 1 ? [apart] : [])];
  });
}

function engineMountOf(mount: Mount, volume: Volume, directory: string): EngineMount {
  const { path: Target, isReadOnly: ReadOnly = false } = mount;
  if (volume.isInMemory === true) {
    const size = volume.bytesMax === undefined ? {} : { SizeBytes: volume.bytesMax };
    return { Type: "tmpfs", Target, ReadOnly, TmpfsOptions: { ...size, Mode: 0o1777 } };
  }
  const Source = sourceOf(mount, volume, join(directory, volume.name));
  // Files of a ConfigMap or a Secret are not the container's to change.
  return { Type: "bind", Source, Target, ReadOnly: ReadOnly || volume.files !== undefined };
}

function sourceOf({ subPath = "" }: Mount, { name, files }: Volume, root: string): string {
  const path = join(root, subPath);
  if (!existsSync(path)) {
    if (files !== undefined) throw new NotStarted(`volume "${name}" has no "${subPath}" to mount`);
    mkdirSync(path, { recursive: true });
    chmodSync(path, EVERYBODY);
  }
  // A container may have put a link there in an earlier run.
  const real = realpathSync(path);
  const top = realpathSync(root);
  if (real === top || real.startsWith(`${top}/`)) return real;
  throw new NotStarted(`"${subPath}" leads out of the volume "${name}"`);
}
