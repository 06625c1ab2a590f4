import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ArchiveError } from "./archive.ts";
import { seededChance } from "./chance.ts";
import { sealArchive, unsealArchive } from "./sealed_archive.ts";

const SEED = Number(process.env["VARVE_SEED"] ?? Date.now() % 1_000_000);
const FILES = { "a/first": "one", "a/second": "x".repeat(100_000), empty: "" };

async function sealed(): Promise<Buffer> {
  async function* files() {
    for (const [path, text] of Object.entries(FILES)) {
      yield { path, bytes: text.length, content: text === "" ? [] : [Buffer.from(text)] };
    }
  }
  return Buffer.concat(await Array.fromAsync(sealArchive(files())));
}

async function* chunksOf(bytes: Buffer) {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

async function unsealed(bytes: Buffer): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for await (const { path, content } of unsealArchive(chunksOf(bytes))) {
    found[path] = Buffer.concat(await Array.fromAsync(content)).toString();
  }
  return found;
}

test("what was sealed is what is found, by us and by other tools", async () => {
  const bytes = await sealed();
  assert.deepEqual(await unsealed(bytes), FILES);
  const directory = mkdtempSync(join(tmpdir(), "varve-sealed-"));
  try {
    writeFileSync(join(directory, "it.tar"), bytes);
    execFileSync("tar", ["xf", "it.tar"], { cwd: directory });
    assert.equal(readFileSync(join(directory, "a/first"), "utf8"), "one");
    const sums = execFileSync("sha256sum", ["-c", "SHA256SUMS"], { cwd: directory });
    assert.equal(String(sums), "a/first: OK\na/second: OK\nempty: OK\n");
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test(`an archive that was cut short or rotted is refused (VARVE_SEED=${SEED})`, async () => {
  const bytes = await sealed();
  const chance = seededChance(SEED);
  const isRefusal = (thrown: unknown) => thrown instanceof ArchiveError;
  for (let round = 0; round < 10; round += 1) {
    // The two blocks of zeros at the end say nothing.
    const length = Math.floor(chance.fraction() * (bytes.length - 1024));
    const cut = bytes.subarray(0, length);
    await assert.rejects(unsealed(cut), isRefusal, `cut at ${length}`);
    const rotten = Buffer.from(bytes);
    const at = 512 + Math.floor(chance.fraction() * 3);
    rotten[at] = (rotten[at] ?? 0) ^ (1 << Math.floor(chance.fraction() * 8));
    await assert.rejects(unsealed(rotten), isRefusal, `flipped a bit of byte ${at}`);
  }
  const second = bytes.indexOf("xxxx");
  await assert.rejects(unsealed(Buffer.from(bytes).fill("y", second + 500, second + 501)), {
    message: '"a/second" does not match its checksum',
  });
});
