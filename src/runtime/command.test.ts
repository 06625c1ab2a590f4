import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunConfig } from "../oci/oci.ts";
import { commandOf } from "./command.ts";
import { NotStarted } from "./not_started.ts";

const IMAGE: RunConfig = { Entrypoint: ["/entry"], Cmd: ["a", "$(PORT)"] };
const ENV = { PORT: "8080", NAME: "world" };

const CASES = [
  { title: "the image's own", asked: {}, is: ["/entry", "a", "$(PORT)"] },
  { title: "args take the place of its arguments", asked: { args: ["b"] }, is: ["/entry", "b"] },
  { title: "a command takes the place of both", asked: { command: ["/other"] }, is: ["/other"] },
  {
    title: "command and args",
    asked: { command: ["/other", "-x"], args: ["b"] },
    is: ["/other", "-x", "b"],
  },
  {
    title: "empty lists are as none",
    asked: { command: [], args: [] },
    is: ["/entry", "a", "$(PORT)"],
  },
  {
    title: "variables in what is asked for",
    asked: { args: ["--port=$(PORT)", "$(NONE)", "$$(PORT)", "$(NAME)$(NAME)", "$PORT"] },
    is: ["/entry", "--port=8080", "$(NONE)", "$(PORT)", "worldworld", "$PORT"],
  },
];

for (const { title, asked, is } of CASES)
  test(`what is run: ${title}`, () => {
    assert.deepEqual(commandOf(asked, IMAGE, ENV), is);
  });

test("with nothing to run there is a sentence that says so", () => {
  assert.throws(() => commandOf({ args: [] }, {}, ENV), NotStarted);
});
