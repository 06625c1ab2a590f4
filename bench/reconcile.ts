/** From a Service's creation or change to Ready, beside the start of the program itself. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SERVICE, type Service } from "../src/api/service.ts";
import { ready, serviceFrom, VarveProcess } from "../test/support/varve_process.ts";
import { claim, elapsedMs, inTurn, rounded, times } from "./report.ts";

const ROUNDS = 9;
const directory = mkdtempSync(join(tmpdir(), "varve-bench-"));
const server = join(directory, "server.js");
const script =
  "require('http').createServer((_, answer) => answer.end('hi')).listen(process.env.PORT)";
writeFileSync(server, `#!/usr/bin/env node\n${script};\n`, { mode: 0o755 });
await using varve = await VarveProcess.start();
const { client } = varve;
let count = 0;

// The first build of a source is not the reconciler's work; those that follow find it done.
await client.create<Service>(draftOf("first"));
await ready(client, "first");
const { create, change, own } = await inTurn(ROUNDS, {
  create: createMs,
  change: changeMs,
  own: ownMs,
});
const beside = (ms: number) => `${times(ms, own)} the program's own start (${rounded(own)} ms)`;
claim("reconcile", `new env to Ready: ${rounded(change)} ms, ${beside(change)}`);
claim("reconcile", `create, build and start to Ready: ${rounded(create)} ms, ${beside(create)}`);
rmSync(directory, { recursive: true });

function draftOf(name: string) {
  mkdirSync(directory, { recursive: true });
  return serviceFrom(`archive+file://${archive()}`, name);
}

function archive(): string {
  const path = join(directory, "source.tar.gz");
  if (!existsSync(path)) execFileSync("tar", ["-czf", path, "-C", directory, "server.js"]);
  return path;
}

async function createMs(): Promise<number> {
  count += 1;
  const name = `bench-${count}`;
  return await elapsedMs(async () => {
    await client.create<Service>(draftOf(name));
    await ready(client, name);
  });
}

async function changeMs(): Promise<number> {
  count += 1;
  const service = await client.get(SERVICE, { namespace: "default", name: "first" });
  const env = [{ name: "COUNT", value: String(count) }];
  const [container = {}] = service.spec.template?.spec?.containers ?? [];
  const spec = { ...service.spec.template?.spec, containers: [{ ...container, env }] };
  const template = { ...service.spec.template, spec };
  return await elapsedMs(async () => {
    await client.put<Service>({ ...service, spec: { ...service.spec, template } });
    await ready(client, "first");
  });
}

/** From the start of the program to its first accepted connection. */
async function ownMs(): Promise<number> {
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  const child = spawn(process.execPath, [server], { env: { PORT: String(port) } });
  const ms = await elapsedMs(async () => {
    while (!(await accepts(port))) await sleep(1);
  });
  child.kill();
  return ms;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("close", () => {}).unref();
    socket.once("connect", () => socket.destroy());
  });
}
