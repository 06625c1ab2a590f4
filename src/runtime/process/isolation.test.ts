import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, closeSync, mkdirSync, openSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { DiskImageStore } from "../../oci/disk.ts";
import { makeTestImage } from "../../oci/test_image.ts";
import type { Exit, InstanceSpec, Runtime } from "../runtime.ts";
import { specOf, until, untilReady, untilSo } from "../test_bed.ts";
import { ProcessBed } from "./process_bed.ts";

const TOOLS = {
  makeStore: (home: string) => new DiskImageStore({ home }),
  makeImage: makeTestImage,
};
const NAME = "default/hello-00001-x7k2p";
const PLACES = [
  { place: "in a cgroup" },
  { place: "without a cgroup", options: { cgroupRoot: "/nowhere" } },
];

for (const { place, options } of PLACES) {
  test(`an instance ${place} inherits no file of ours, and reads the end at once`, async () => {
    await using bed = await ProcessBed.make(TOOLS);
    await using runtime = await bed.open(options);
    await using _files = await manyOpenFiles(bed.home);
    const command = ["ls", "-l", "/proc/self/fd"];
    const { output } = await exitOf(runtime, specOf(bed.app, { command }));
    const files = [...output.matchAll(/ (\d+) -> (\S+)$/gm)].map(([, fd, to]) => `${fd} ${to}`);
    const [input, ...rest] = files.toSorted();
    const wrote = join(bed.home, "output/written/default%2Fhello-00001-x7k2p.0");
    assert.deepEqual([input, ...rest.slice(0, 2)], ["0 /dev/null", `1 ${wrote}`, `2 ${wrote}`]);
    // The one is the directory that `ls` reads; the others close what our own parent left open.
    assert(
      rest.slice(2).every((it) => /^\d+ \/(dev\/null|proc\/\d+\/fd)$/.test(it)),
      output,
    );
    assert.equal((await exitOf(runtime, specOf(bed.app, { command: ["cat"] }))).code, 0);
  });

  test(`an instance ${place} has the variables it was given, exactly`, async () => {
    await using bed = await ProcessBed.make(TOOLS);
    await using runtime = await bed.open({ ...options, toolPath: "/usr/bin:/bin" });
    const odd = { "my.name": "a=b", PWD: "/there", _: "x", SHLVL: "7" };
    for (const env of [{ COLOR: "two\nlines" }, odd]) {
      const { output } = await exitOf(runtime, specOf(bed.app, { command: ["env"], env }));
      const scratch = join(bed.home, "instances/default%2Fhello-00001-x7k2p/scratch");
      const given = output
        .replace(/^PORT=2\d{4}$|^PORT=3[01]\d{3}$/m, "PORT=ok")
        .replace(/^VARVE_INSTANCE=\S+$/m, "VARVE_INSTANCE=ok");
      const expected = {
        PATH: `${join(process.execPath, "..")}:/usr/bin:/bin`,
        ...{ HOME: join(scratch, "home"), TMPDIR: join(scratch, "tmp") },
        ...env,
        ...{ PORT: "ok", VARVE_INSTANCE: "ok" },
      };
      const lines = Object.entries(expected).map(([name, value]) => `${name}=${value}`);
      assert.deepEqual(given.split("\n").toSorted(), lines.join("\n").split("\n").toSorted());
    }
  });

  test(`an instance ${place} that cannot be executed says why, and is tried again`, async () => {
    await using bed = await ProcessBed.make(TOOLS);
    const files = { plain: "text", odd: { text: "#!/no/such/interpreter\n", mode: 0o755 } };
    const image = await bed.image(files, { Cmd: ["./plain"], WorkingDir: "/" });
    await using runtime = await bed.open(options);
    const cases: readonly (readonly [Partial<InstanceSpec>, RegExp])[] = [
      [{}, /cannot run ".\/plain": the file is not executable/],
      [{ command: ["/odd"] }, /no\/such\/interpreter|odd.*(not found|No such file|ENOENT)/],
      [{ command: ["no-such-tool"] }, /"no-such-tool": it is in no directory of PATH/],
      [{ command: ["/no/such/file"] }, /neither in the image nor on this machine/],
      [{ workingDir: "/nowhere" }, /"\/nowhere" is no directory of the image/],
    ];
    for (const [change, text] of cases) {
      const { reason, output } = await exitOf(runtime, specOf(image, change));
      assert.deepEqual([reason, text.test(output)], ["NotStarted", true], output);
    }
    await runtime.run(specOf(image, { command: ["/odd"] }));
    await until(runtime, NAME, ({ restarts }) => restarts >= 3);
  });
}

test("an instance begins in its image's directory, in a session of its own", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  const image = await bed.image({ "srv/hi": "hello" }, { WorkingDir: "/srv", Cmd: ["cat", "hi"] });
  await using runtime = await bed.open();
  assert.equal((await exitOf(runtime, specOf(image))).output, "hello");
  const up = { workingDir: "/", command: ["cat", "srv/hi"] };
  assert.equal((await exitOf(runtime, specOf(image, up))).output, "hello");
  await runtime.run(specOf(bed.app));
  const { pid } = await untilReady(runtime, NAME);
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const [, , group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  assert.deepEqual([Number(group), Number(session)], [pid, pid]);
});

test("each run begins with an empty home, which is gone with the instance", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  await using runtime = await bed.open();
  const script = "ls -A $HOME $TMPDIR | wc -w; touch $HOME/x $TMPDIR/y; ls $HOME $TMPDIR | wc -w";
  const spec = specOf(bed.app, { command: ["sh", "-c", script] });
  await runtime.run(spec);
  const { lastExit } = await until(runtime, NAME, ({ restarts }) => restarts === 2);
  // The names of the two directories are words as well.
  assert.equal(lastExit?.output, "2\n4");
  await runtime.stop(NAME);
  assert.deepEqual(readdirSync(join(bed.home, "instances")), []);
  assert.deepEqual(readdirSync(join(bed.home, "output/written")), []);
});

test("a user that is asked for is had, with a home to write to", async (context) => {
  if (process.getuid?.() !== 0) return context.skip("only root can run something as another");
  await using bed = await ProcessBed.make(TOOLS);
  for (const options of PLACES.map((it) => it.options)) {
    await using runtime = await bed.open(options);
    const script = "id -u; id -g; id -G; touch $HOME/x $TMPDIR/y && echo more >>/dev/stdout; pwd";
    const asked = { command: ["sh", "-c", script], user: { uid: 4321, gid: 4322 } };
    const { output } = await exitOf(runtime, specOf(bed.app, asked));
    assert.match(output, /^4321\n4322\n4322\nmore\n\//);
    await runtime[Symbol.asyncDispose]();
  }
});

test("a user passes where an access control list says so, whatever the mode", async (context) => {
  if (process.getuid?.() !== 0) return context.skip("only root can run something as another");
  await using bed = await ProcessBed.make(TOOLS);
  await using runtime = await bed.open();
  const around = join(bed.home, "..");
  chmodSync(around, 0o700);
  try {
    execFileSync("setfacl", ["-m", "u:4321:x", around], { stdio: "pipe" });
  } catch (thrown) {
    return context.skip(`there is no setfacl, or nothing for it: ${thrown}`);
  }
  const asked = { command: ["sh", "-c", "id -u; touch $HOME/x"], user: { uid: 4321 } };
  const { output, code } = await exitOf(runtime, specOf(bed.app, asked));
  assert.deepEqual([output, code], ["4321", 0]);
});

test("a command probe runs beside the instance, as it does", async () => {
  await using bed = await ProcessBed.make(TOOLS);
  await using runtime = await bed.open();
  const exec = { command: ["sh", "-c", 'test -f "$HOME/ready" || { echo not yet; exit 4; }'] };
  const command = ["sh", "-c", 'sleep 1.5; touch "$HOME/ready"; exec sleep 60'];
  const seen: (string | undefined)[] = [];
  using _ = runtime.watch((name) => seen.push(runtime.get(name)?.message));
  await runtime.run(specOf(bed.app, { command, readiness: { exec } }));
  await untilReady(runtime, NAME);
  assert(
    seen.some((it) => it?.endsWith("exits with 4: not yet")),
    seen.join("\n"),
  );
});

/** How an instance of this spec ends; then it is stopped. */
async function exitOf(runtime: Runtime, spec: InstanceSpec): Promise<Exit> {
  await runtime.run(spec);
  const { lastExit } = await until(runtime, spec.name, (it) => it.lastExit !== undefined);
  await runtime.stop(spec.name);
  assert(lastExit !== undefined);
  return lastExit;
}

/** Files, a listening socket and connections, all open in this process. */
async function manyOpenFiles(directory: string): Promise<AsyncDisposable> {
  mkdirSync(directory, { recursive: true });
  const fds = Array.from({ length: 50 }, (_, n) => openSync(join(directory, `open-${n}`), "w"));
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const sockets = Array.from({ length: 20 }, () => connect(port, "127.0.0.1"));
  await untilSo("all are connected", () => sockets.every(({ connecting }) => !connecting));
  return {
    async [Symbol.asyncDispose]() {
      for (const fd of fds) closeSync(fd);
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
