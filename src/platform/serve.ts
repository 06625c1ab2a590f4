import { spawn } from "node:child_process";
import { systemChance } from "../base/chance.ts";
import { systemClock } from "../base/clock.ts";
import { type Log, makeLog } from "../base/log.ts";
import { type Config, ConfigError, configHelp, readConfig } from "./config.ts";
import { type Platform, startPlatform } from "./platform.ts";

/** `varve serve`: runs until it is asked to stop. Answers with the exit code. */
export async function serve(args: readonly string[], program: string): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(configHelp());
    return 0;
  }
  const config = configFrom(args);
  if (config === undefined) return 2;
  // What is nobody else's says so; with a stricter one, instances of other users could not pass.
  process.umask(0o022);
  const log = makeLog({ level: config.logLevel });
  const stopped = untilStopped();
  try {
    await using platform = await startPlatform(config, {
      clock: systemClock,
      chance: systemChance,
      log,
    });
    greet(platform);
    process.on("SIGHUP", () => void replaceWorkers(platform, log));
    if (config.hasSample) deploySample(config, program);
    await stopped;
    log.info({}, "stopping");
    return 0;
  } catch (thrown) {
    log.error({ err: thrown }, "could not start");
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    process.stderr.write(`varve serve: ${why}\n`);
    return 1;
  }
}

function configFrom(args: readonly string[]): Config | undefined {
  try {
    return readConfig(args);
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    process.stderr.write(`varve serve: ${thrown.message}\n`);
    return undefined;
  }
}

/** Resolves on the first SIGINT or SIGTERM. A second one ends the process at once. */
function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => resolve());
  });
}

function greet({ endpoints }: Platform): void {
  process.stdout.write(`API      ${endpoints.api}\nGateway  ${endpoints.gateway}\n`);
}

/** What an operator asks for by SIGHUP, such as after a newer Varve was put in place. */
async function replaceWorkers(platform: Platform, log: Log): Promise<void> {
  try {
    await platform.replaceWorkers();
    log.info({}, "all gateway workers are replaced");
  } catch (thrown) {
    log.error({ err: thrown }, "could not replace the gateway workers: those that are left go on");
  }
}

/** By a command like any other, so that the sample shows nothing that users could not do. */
function deploySample({ home }: Config, program: string): void {
  const args = [program, "sample", "--home", home];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
  child.on("error", (thrown) => process.stderr.write(`varve sample: ${thrown.message}\n`));
}
