import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { commandLine } from "./command_line.ts";
import type { Place, Story } from "./place.ts";

const MAIN = join(import.meta.dirname, "../../src/main.ts");

/** What only a process of its own can show. */
export const PROCESS_STORIES: readonly Story[] = [
  {
    title: "Ctrl-C while a deploy waits ends the command and not the deploy",
    async act(place) {
      const late = `
        import { createServer } from "node:http";
        setTimeout(() => createServer((_, to) => to.end("late")).listen(process.env.PORT), 1500);`;
      await place.app("shop", "", { "server.js": late });
      const { child, ended } = start(place, "deploy", "shop");
      child.stderr.on("data", (chunk) => {
        if (String(chunk).includes("starting shop-00001")) child.kill("SIGINT");
      });
      const { code, out, err } = await ended;
      assert.deepEqual([code, out], [1, ""], err);
      assert.match(err, /Interrupted.*\nFollow it by: node .*main\.ts describe shop -n /);
      await place.done("deploy shop");
      assert.equal(await place.answer(place.url("shop")), "late");
    },
  },
  {
    title: "Ctrl-C is how one stops to follow, and no failure",
    async act(place) {
      await place.app("shop", "one");
      await place.done("deploy shop");
      const { child, ended } = start(place, "logs", "shop", "-f");
      child.stdout.on("data", () => child.kill("SIGINT"));
      const { code, out, err } = await ended;
      assert.deepEqual([code, err], [0, ""]);
      assert.match(out, /^\[00001-\w{5}\] started shop-00001\n$/);
    },
  },
  {
    title: "who reads no further ends the command without a word",
    async act(place) {
      const talkative = `
        import { createServer } from "node:http";
        for (let line = 0; line < 20_000; line += 1) console.log("line", line);
        createServer((_, to) => to.end()).listen(process.env.PORT);`;
      await place.app("shop", "", { "server.js": talkative });
      await place.done("deploy shop");
      const varve = `"${process.execPath}" "${MAIN}"`;
      const line = `${varve} logs shop -f -n ${place.namespace} | head -n 1`;
      const env = environmentOf(place);
      const { stdout, stderr } = await promisify(execFile)("sh", ["-c", line], { env });
      assert.match(stdout, /^\[00001-\w{5}\] line 0\n$/);
      assert.equal(stderr, "");
    },
  },
  {
    title:
      "the server is found by a flag, by the environment, in this directory or in the usual home",
    async act({ varve, directory }) {
      const { home } = varve;
      const kubeconfig = join(home, "kubeconfig");
      const found = async (line: string, variables = {}) => {
        const words = line === "" ? [] : line.split(" ");
        return await commandLine(["services", "-A", ...words], { directory, variables });
      };
      assert.equal((await found(`--home ${home}`)).code, 0);
      assert.equal((await found(`--kubeconfig ${kubeconfig}`)).code, 0);
      assert.equal((await found("", { VARVE_HOME: home })).code, 0);
      assert.equal((await found("", { VARVE_KUBECONFIG: kubeconfig })).code, 0);
      assert.equal((await found("", { XDG_DATA_HOME: join(home, "..") })).code, 1);
      const elsewhere = { VARVE_HOME: "/nowhere", XDG_DATA_HOME: "/nothing" };
      const { code, err } = await found("", elsewhere);
      assert.equal(code, 1);
      assert.match(err, /no such file as\n {2}\/nowhere\/kubeconfig\n {2}Start one: varve serve\n/);
      const none = await found("", { XDG_DATA_HOME: "/nothing" });
      const places = [`${directory}/.varve/kubeconfig`, "/nothing/varve/kubeconfig"];
      assert(none.err.includes(places.map((path) => `  ${path}\n`).join("")), none.err);
    },
  },
];

function start(place: Place, ...words: readonly string[]) {
  const args = [MAIN, ...words, "-n", place.namespace];
  const options = { cwd: place.directory, env: environmentOf(place) };
  const child = spawn(process.execPath, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return {
    child,
    ended: ended.then(([out, err, [code]]) => ({ out, err, code: code as number | null })),
  };
}

function environmentOf({ varve }: Place) {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  return { PATH, VARVE_HOME: varve.home, ...(NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE }) };
}
