import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageConfig } from "../../oci/oci.ts";
import { whyUnfit } from "./fitness.ts";

const MACHINE = { platform: "linux", arch: "x64" };
const MADE = { "varve.dev/runtime": "process" };

test("an image runs as a plain process when it was made to, for this kind of machine", () => {
  assert.equal(whyUnfit(image(MADE), MACHINE), undefined);
  assert.equal(whyUnfit(image(MADE, "arm64"), { ...MACHINE, arch: "arm64" }), undefined);
});

test("another image is refused, with the reason and the way out", () => {
  const container = whyUnfit(image({}), MACHINE) ?? "";
  assert.match(container, /it was not made for the process runtime/);
  assert.match(container, /would see the files of this machine/);
  const wasm = whyUnfit(image({ "varve.dev/runtime": "wasm" }), MACHINE) ?? "";
  assert.match(wasm, /its own says "wasm"/);
  const foreign = whyUnfit(image(MADE, "arm64"), MACHINE);
  const text = "it was made for linux/arm64, and this machine is linux/amd64: build it for ";
  assert.equal(foreign, `${text}linux/amd64`);
});

function image(Labels: Readonly<Record<string, string>>, architecture = "amd64"): ImageConfig {
  return {
    os: "linux",
    architecture,
    config: { Labels },
    rootfs: { type: "layers", diff_ids: [] },
  };
}
