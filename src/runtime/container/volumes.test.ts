import assert from "node:assert/strict";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { caveatsOf, layOutVolumes, refillVolumes } from "./volumes.ts";

const content = Buffer.from("blue").toString("base64");

function makeDirectory() {
  const path = mkdtempSync(join(tmpdir(), "varve-volumes-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

test("files are written anew for each run, and what is empty at first is kept", () => {
  using directory = makeDirectory();
  const files = [{ path: "a/b", mode: 0o400, content }];
  const volumes = [{ name: "files", files }, { name: "empty" }];
  const mounts = [
    { volume: "files", path: "/files" },
    { volume: "files", path: "/one", subPath: "a/b" },
    { volume: "empty", path: "/empty" },
  ];
  const mounted = layOutVolumes({ volumes, mounts }, directory.path);
  const at = (name: string) => join(directory.path, name);
  assert.deepEqual(mounted, [
    { Type: "bind", Source: at("files"), Target: "/files", ReadOnly: true },
    { Type: "bind", Source: at("files/a/b"), Target: "/one", ReadOnly: true },
    { Type: "bind", Source: at("empty"), Target: "/empty", ReadOnly: false },
    { Type: "bind", Source: at(".tmp"), Target: "/tmp", ReadOnly: false },
  ]);
  assert.equal(readFileSync(at("files/a/b"), "utf8"), "blue");
  assert.equal(statSync(at("files/a/b")).mode & 0o777, 0o400);
  for (const name of ["files/more", "empty/mine", ".tmp/old"]) writeFileSync(at(name), "x");
  layOutVolumes({ volumes, mounts }, directory.path);
  const isThere = (name: string) => statSync(at(name), { throwIfNoEntry: false }) !== undefined;
  assert.deepEqual(["files/more", "empty/mine", ".tmp/old"].map(isThere), [false, true, false]);
});

test("what is another in a volume takes the place of what was there, as a whole", () => {
  using directory = makeDirectory();
  const at = (name: string) => join(directory.path, "files", name);
  const file = { path: "a/token", mode: 0o440, content };
  const kept = { path: "kept", mode: 0o400, content };
  layOutVolumes({ volumes: [{ name: "files", files: [file, kept] }] }, directory.path);
  const before = openSync(at("a/token"), "r");
  const { ino } = statSync(at("kept"));
  const red = Buffer.from("red").toString("base64");
  const late = { ...file, path: "late" };
  const files = [{ ...file, content: red }, kept, late];
  refillVolumes(
    [
      { name: "files", files },
      { name: "other", files },
    ],
    directory.path,
  );
  assert.equal(readFileSync(at("a/token"), "utf8"), "red");
  assert.equal(statSync(at("a/token")).mode & 0o777, 0o440);
  assert.equal(readFileSync(before, "utf8"), "blue", "whoever has it open has all of it");
  assert.equal(statSync(at("kept")).ino, ino);
  assert.deepEqual(readdirSync(join(directory.path, "files")), ["a", "kept"]);
  closeSync(before);
});

const notRoot = process.getuid?.() !== 0 && "only root gives files away";

test("a file with an owner is the owner's alone, if it can be given", { skip: notRoot }, () => {
  using directory = makeDirectory();
  const volumes = [{ name: "files", files: [{ path: "token", mode: 0o644, content, owner: 7 }] }];
  const seen = () => {
    const { uid, mode } = statSync(join(directory.path, "files/token"));
    return [uid, (mode & 0o777).toString(8)];
  };
  layOutVolumes({ volumes }, directory.path);
  assert.deepEqual(seen(), [7, "600"]);
  const files = [{ path: "token", mode: 0o644, content: "", owner: 7 }];
  refillVolumes([{ name: "files", files }], directory.path);
  assert.deepEqual(seen(), [7, "600"]);
  layOutVolumes({ volumes }, directory.path, { isMapped: true });
  assert.deepEqual(seen(), [0, "644"]);
});

test("a part of a volume cannot lead out of it, and one of its files has to be there", () => {
  using directory = makeDirectory();
  const volumes = [{ name: "empty" }, { name: "files", files: [] }];
  const mount = (volume: string, subPath: string) =>
    layOutVolumes({ volumes, mounts: [{ volume, path: "/x", subPath }] }, directory.path);
  mount("empty", "mine");
  symlinkSync("/etc", join(directory.path, "empty/way-out"));
  assert.throws(() => mount("empty", "way-out"), /"way-out" leads out of the volume "empty"/);
  assert.throws(() => mount("files", "no"), /volume "files" has no "no" to mount/);
});

test("a volume in memory is of the engine, and takes the place of /tmp where it is that", () => {
  using directory = makeDirectory();
  const volumes = [{ name: "fast", isInMemory: true, bytesMax: 4096 }];
  const mounts = [{ volume: "fast", path: "/tmp" }];
  const TmpfsOptions = { SizeBytes: 4096, Mode: 0o1777 };
  assert.deepEqual(layOutVolumes({ volumes, mounts }, directory.path), [
    { Type: "tmpfs", Target: "/tmp", ReadOnly: false, TmpfsOptions },
  ]);
});

test("what cannot be had of a volume is told", () => {
  const volumes = [
    { name: "big", bytesMax: 1 },
    { name: "fast", isInMemory: true },
  ];
  const mounts = ["/a", "/b"].map((path) => ({ volume: "fast", path }));
  assert.deepEqual(caveatsOf({ volumes, mounts }), [
    'the size limit of volume "big" is not enforced: it is a directory',
    'volume "fast" is in memory, and each of its 2 mounts has its own',
  ]);
});
