import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { commandsOf, isAsShown } from "./console.ts";

const README = readFileSync("README.md", "utf8");
const [start, ...tour] = commandsOf(README);
const { PATH = "", HOME } = process.env;
const hasKubectl = PATH.split(":").some((path) => existsSync(join(path, "kubectl")));

let directory = "";
let server: ChildProcess | undefined;
let said = "";

// As in a checkout of one's own, with a home of its own and any free ports.
before(async () => {
  directory = mkdtempSync(join(tmpdir(), "varve-readme-"));
  for (const name of ["package.json", "node_modules", "src", "examples"]) {
    symlinkSync(resolve(name), join(directory, name));
  }
  const variables = { VARVE_API: "127.0.0.1:0", VARVE_GATEWAY: "127.0.0.1:0" };
  server = spawn("npm", ["start"], {
    cwd: directory,
    env: { PATH, HOME, ...variables },
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  for await (const chunk of server.stdout ?? []) {
    said += String(chunk);
    if (said.includes("get ksvc,revisions")) break;
  }
  server.stdout?.resume();
});

after(async () => {
  if (server?.pid !== undefined && server.exitCode === null) {
    const exit = once(server, "exit");
    process.kill(-server.pid, "SIGTERM");
    await exit;
  }
  rmSync(directory, { recursive: true, force: true });
});

test("README: npm start brings up a service in two versions, and says where", () => {
  assert.equal(start?.command, "npm install && npm start");
  const [, shown = ""] = /^```text\n(.*?)^```$/ms.exec(README) ?? [];
  assert(said.includes(local(shown.trimEnd())), said);
});

const first = tour.find(({ command }) => command.startsWith("npx "));
for (const shown of tour) {
  const { command, prints } = shown;
  const needsKubectl = command.startsWith("kubectl ");
  const skip = needsKubectl && !hasKubectl ? "there is no kubectl on the PATH" : false;
  test(`README: ${command.split("\n")[0]}`, { skip }, async () => {
    const text = await output(local(quicker(command, shown === first)));
    assert(isAsShown(text, prints.map(local)), `it says\n${prints.join("\n")}\nand is\n${text}`);
  });
}

const program = `"${process.execPath}" "${resolve("src/main.ts")}"`;

/** By npx once, for it takes a second each time; then what npx would start. */
function quicker(command: string, isFirst: boolean): string {
  return isFirst ? command : command.replaceAll(/^npx varve/gm, program);
}

/** What the reader types is said again to each shell, as `export` would do in one. */
const exported = tour
  .filter(({ command }) => command.startsWith("export "))
  .map((it) => it.command);

async function output(command: string): Promise<string> {
  const script = `exec 2>&1; ${exported.join("; ")}; ${command}`;
  const options = { cwd: directory, env: { PATH, HOME }, maxBuffer: 2 ** 24 };
  // Some of them are there to be refused.
  const ended = await promisify(execFile)("bash", ["-c", script], options).catch(
    (thrown: { readonly stdout: string }) => thrown,
  );
  return ended.stdout;
}

/** The document says 8080; here it is any free port. */
function local(text: string): string {
  const endpoints = JSON.parse(readFileSync(join(directory, ".varve", "endpoints.json"), "utf8"));
  return text.replaceAll(":8080", `:${new URL(endpoints.gateway).port}`);
}
