import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { HOST, isOnPath } from "./gateway_peers.ts";

const CLIENTS = 64;

export interface Target {
  readonly port: number;
  /** With "#" in it, it stands for so many hosts, asked one after the other. */
  readonly host?: string;
  readonly hosts?: number;
}

export interface Run {
  readonly good: number;
  readonly bad: number;
}

const run = promisify(execFile);

/** Clients that ask again as soon as they were answered: `wrk`, or ours where there is none. */
export async function load(
  { port, host = HOST, hosts = 1 }: Target,
  seconds: number,
): Promise<Run> {
  if (!isOnPath("wrk")) {
    const script = fileURLToPath(new URL("gateway_load.ts", import.meta.url));
    const args = [script, String(port), host, String(CLIENTS), String(seconds), String(hosts)];
    const { stdout } = await run(process.execPath, args);
    const [good = 0, bad = 0] = stdout.trim().split(" ").map(Number);
    return { good, bad };
  }
  const home = mkdtempSync(join(tmpdir(), "varve-wrk-"));
  const script = join(home, "hosts.lua");
  writeFileSync(script, luaOf(host, hosts));
  const args = ["-t1", `-c${CLIENTS}`, `-d${seconds}s`, "-s", script];
  const { stdout } = await run("wrk", [...args, `http://127.0.0.1:${port}/`]);
  rmSync(home, { recursive: true });
  const good = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0);
  const other = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0);
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(
    stdout,
  );
  const broken = (errors ?? []).slice(1).reduce((sum, count) => sum + Number(count), 0);
  return { good: good - other, bad: other + broken };
}

/** Requests are made before they are sent, so that a client costs the same for all. */
function luaOf(host: string, hosts: number): string {
  const name = host.includes("#") ? `("${host}"):gsub("#", n)` : `"${host}"`;
  return `
    local all = {}
    init = function(args)
      for n = 0, ${hosts - 1} do
        local name = ${name}
        all[n + 1] = wrk.format("GET", "/", { ["Host"] = name })
      end
    end
    local at = 0
    request = function()
      at = at % ${hosts} + 1
      return all[at]
    end
  `;
}
