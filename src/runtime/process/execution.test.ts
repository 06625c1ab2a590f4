import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { isReason } from "../../api/error.ts";
import { DiskImageStore } from "../../oci/disk.ts";
import { makeTestImage } from "../../oci/test_image.ts";
import { specOf, untilReady } from "../test_bed.ts";
import { ProcessBed, TOOL_PATH } from "./process_bed.ts";

const NAME = "default/hello-00001-x7k2p";
const TOOLS = {
  makeStore: (home: string) => new DiskImageStore({ home }),
  makeImage: makeTestImage,
};

test("a command with a terminal sees its size, and hears when that changes", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  await using runtime = await bed.open();
  await runtime.run(specOf(bed.app));
  await untilReady(runtime, NAME);
  // Rows and columns are changed one after the other: it may hear of the first before the second.
  const heard = `stty size; [ "$(stty size)" = "20 60" ] && exit 4`;
  const script = `trap '${heard}' WINCH; tty; stty size; while :; do sleep 0.05; done`;
  const terminal = { columns: 100, rows: 40 };
  const request = { command: ["sh", "-c", script], hasInput: true, terminal };
  using execution = await runtime.exec(NAME, request);
  let said = "";
  for await (const chunk of execution.output) {
    said += String(chunk);
    if (said.includes("40 100")) execution.resize({ columns: 60, rows: 20 });
  }
  assert.match(said, /^\/dev\/pts\/\d+\r\n40 100\r\n(20 100\r\n)?(20 60\r\n)+$/);
  assert.equal(await execution.ended, 4);
});

test("a command is quoted for its terminal, and begins where it should", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  await using runtime = await bed.open();
  await runtime.run(specOf(bed.app));
  await untilReady(runtime, NAME);
  const terminal = { columns: 80, rows: 24 };
  const command = ["node", "-p", `"it's $HOME; \`ls\` " + require("fs").readdirSync(".")`];
  using execution = await runtime.exec(NAME, { command, hasInput: false, terminal });
  assert.equal(await text(execution.output), "it's $HOME; `ls` app.mjs\r\n");
});

test("without the program that makes terminals, one is told so and what to leave out", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  await using runtime = await bed.open({ toolPath: "/nowhere" });
  await runtime.run(specOf(bed.app, { env: { PATH: TOOL_PATH } }));
  await untilReady(runtime, NAME);
  const terminal = { columns: 80, rows: 24 };
  const exec = runtime.exec(NAME, { command: ["sh"], hasInput: true, terminal });
  await assert.rejects(exec, (thrown) => {
    return isReason(thrown, "NotImplemented") && thrown.message.includes("--tty");
  });
});
