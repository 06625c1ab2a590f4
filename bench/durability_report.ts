/**
 * Runs what docs/operating/durability.md reports, and writes what came of it there: all of it, or
 * the parts that are named. `npm run report:durability -- power --cuts 60`
 */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { arch, cpus, platform, release } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";

interface Part {
  readonly name: string;
  /** Scripts with what they are told. */
  readonly runs: readonly (readonly string[])[];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: "string", default: "1000" },
    cuts: { type: "string", default: "120" },
    histories: { type: "string", default: "100" },
    rounds: { type: "string", default: "3" },
    watchers: { type: "string", default: "1000" },
    objects: { type: "string", default: "100000" },
  },
});
const { kills, cuts, histories, rounds, watchers, objects } = values;
const sizes = ["--rounds", rounds, "--watchers", watchers, "--objects", objects];

const PARTS: readonly Part[] = [
  {
    name: "crash",
    runs: [
      ["test/store/crash.ts", "--kills", String(Math.ceil(Number(kills) / 5))],
      ["test/store/api/crash_api.ts", "--kills", kills],
    ],
  },
  { name: "power", runs: [["test/store/power_cut.ts", "--cuts", cuts]] },
  { name: "linear", runs: [["test/store/linear/run.ts", "--rounds", histories]] },
  { name: "store", runs: [["bench/store.ts"]] },
  { name: "api", runs: [["bench/api.ts", ...sizes]] },
];

const ROOT = join(import.meta.dirname, "..");
const PAGE = join(ROOT, "docs/operating/durability.md");
const run = promisify(execFile);

for (const { name, runs } of PARTS) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const lines = [machine()];
  for (const args of runs) {
    const options = { cwd: ROOT, maxBuffer: 2 ** 24 };
    const { stdout } = await run(process.execPath, [...args], options);
    process.stdout.write(stdout);
    lines.push(...stdout.trimEnd().split("\n"));
  }
  put(name, lines);
}

/** Between the marks of a part, and nowhere else. */
function put(name: string, lines: readonly string[]): void {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const page = readFileSync(PAGE, "utf8");
  const [before, rest] = page.split(begin);
  const [, after] = rest?.split(end) ?? [];
  if (before === undefined || after === undefined) throw new Error(`${PAGE} has no "${begin}"`);
  const block = ["```", ...lines, "```"].join("\n");
  writeFileSync(PAGE, `${before}${begin}\n${block}\n${end}${after}`);
}

function machine(): string {
  const day = new Date().toISOString().slice(0, 10);
  const system = `${platform()} ${release().split("-")[0]} ${arch()}`;
  return `${day}, ${cpus().length} cores, ${system}, Node ${process.versions.node}`;
}
