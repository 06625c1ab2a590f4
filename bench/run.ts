/** `npm run bench -- [NAME…] [--FLAG=…]`: every claim about speed, or those of the files named. */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { basename, join } from "node:path";

const PARTS = [
  ...["run.ts", "report.ts", "durability_report.ts", "etcd.ts", "kube.ts", "api_load.ts"],
  ...["gateway_load.ts", "gateway_paced.ts", "gateway_peers.ts", "gateway_upstream.ts"],
  ...["gateway_wrk.ts", "bare_idle.ts", "bare_watches.ts"],
  ...["scale_profile.ts", "coldstart_containers.ts"],
];
const flags = process.argv.slice(2).filter((it) => it.startsWith("--"));
const wanted = process.argv.slice(2).filter((it) => !flags.includes(it));
const all = globSync("*.ts", { cwd: import.meta.dirname }).toSorted();
const claims = all.filter((name) => !PARTS.includes(name));
const unknown = wanted.filter((name) => !claims.includes(`${name}.ts`));
if (unknown.length > 0) {
  const known = claims.map((name) => basename(name, ".ts")).join(", ");
  process.stderr.write(`there is no bench "${unknown[0]}": there are ${known}\n`);
  process.exit(2);
}
for (const name of wanted.length === 0 ? claims : wanted.map((it) => `${it}.ts`)) {
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, name), ...flags], {
    stdio: "inherit",
  });
  if (status !== 0) process.exitCode = 1;
}
