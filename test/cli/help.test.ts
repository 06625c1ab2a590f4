import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { COMMANDS } from "../../src/cli/commands.ts";
import { commandLine } from "./command_line.ts";

// What people and scripts read there is API: `UPDATE=1` rewrites it, and the diff is reviewed.
const DIRECTORY = join(import.meta.dirname, "help");
const isUpdate = process.env["UPDATE"] === "1";

const NAMES = ["varve", ...COMMANDS.map(({ name }) => name)];

for (const name of NAMES) {
  test(`varve ${name === "varve" ? "" : `${name} `}--help says what it always said`, async () => {
    const args = name === "varve" ? ["--help"] : [name, "--help"];
    const { code, out, err } = await commandLine(args);
    assert.deepEqual([code, err], [0, ""]);
    const path = join(DIRECTORY, `${name}.txt`);
    if (isUpdate) {
      mkdirSync(DIRECTORY, { recursive: true });
      writeFileSync(path, out);
    }
    assert.equal(out, readFileSync(path, "utf8"));
  });
}

test("there is no text of a command that is not there any more", () => {
  assert.deepEqual(readdirSync(DIRECTORY).sort(), NAMES.map((name) => `${name}.txt`).sort());
});

test("without a word, the program says what it can do", async () => {
  const { code, out } = await commandLine([]);
  assert.equal(code, 0);
  assert.equal(out, readFileSync(join(DIRECTORY, "varve.txt"), "utf8"));
});

test("help for a word is the same as the word's own", async () => {
  const { code, out } = await commandLine(["help", "traffic"]);
  assert.equal(code, 0);
  assert.equal(out, readFileSync(join(DIRECTORY, "traffic.txt"), "utf8"));
});

const WRONG = [
  {
    line: "deploi",
    says: /unknown command 'deploi'\n\(Did you mean deploy\?\)\nTry: varve --help/,
  },
  {
    line: "deploy --nme x",
    says: /unknown option '--nme'\n\(Did you mean --name\?\)\nTry: varve d/,
  },
  { line: "services --jsn", says: /\(Did you mean --json\?\)/ },
  { line: "traffic", says: /missing required argument 'SERVICE'/ },
  { line: "url a b", says: /too many arguments/ },
  { line: "deploy --name", says: /option '--name <NAME>' argument missing/ },
  { line: "deploy --name --force", says: /It needs a value/ },
  { line: "deploy . --port many", says: /--port is "many": want a port from 1 to 65535/ },
  { line: "deploy . --concurrency -1", says: /--concurrency is "-1": want a whole number from 0/ },
  { line: "deploy . --timeout soon", says: /--timeout is "soon": want a span of time/ },
  { line: "deploy . --env X", says: /--env is "X": want NAME=value/ },
  {
    line: "deploy . --revision main",
    says: /--revision is for git repositories, and "\." is none/,
  },
  { line: "revisions -o long", says: /--output is "long": want one of wide/ },
  { line: "get thing", says: /There is no kind "thing"\n {2}Kinds: namespaces, / },
  { line: "apply", says: /Say what to apply, by -f FILE/ },
  { line: "apply -f x --prune", says: /say which objects the files speak for, by -l LABELS/ },
  { line: "completion tcsh", says: /There is no completion for "tcsh"/ },
  { line: "-n a serve", says: /"serve" must be the first word/ },
];
for (const { line, says } of WRONG) {
  test(`varve ${line}: wrong usage is refused, with the way out`, async () => {
    const { code, out, err } = await commandLine(line.split(" "));
    assert.deepEqual([code, out], [2, ""], err);
    assert.match(err, says);
  });
}
