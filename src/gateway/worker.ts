import { rmSync } from "node:fs";
import { systemChance } from "../base/chance.ts";
import { every, systemClock } from "../base/clock.ts";
import { makeLog } from "../base/log.ts";
import { ControlPort } from "./control_port.ts";
import { leaveCounts } from "./count_files.ts";
import { makeDataPlane } from "./data_plane.ts";
import { explain } from "./explain.ts";
import { Home } from "./home.ts";
import { LIMITS, setLimits } from "./limits.ts";
import type { Spent } from "./peer_protocol.ts";
import { sightingOf } from "./sight.ts";
import { TOKEN_VARIABLE, type WorkerConfig } from "./worker_config.ts";

/**
 * One gateway worker: `node worker.ts '{"host":…,"port":…,"path":…}'`. It serves until SIGTERM,
 * whether or not a control process is there; then it takes no more and lets what is open finish.
 */
const [, , argument = "{}"] = process.argv;
const { host, port, tls, path, accessLogPath, countsPath, limits } = JSON.parse(
  argument,
) as WorkerConfig;
setLimits(limits);
const token = process.env[TOKEN_VARIABLE] ?? "";
const clock = systemClock;
const log = makeLog({ level: "info" }).child({ worker: process.pid });

/** For the access log and the collector of spans to take the last of it. */
const LAST_WORD_MS = 1_200;

/** For all that was cut to be gone. */
const CUT_MS = 500;

let address = { host, port, ...(tls && { tls }) };
const { table, hold, seats, drains, gossip, front, tlsFront } = makeDataPlane({
  clock,
  chance: systemChance,
  accessLogPath,
  isSettled: () => control.isSettled,
  waiting: (backend) => control.tellWaiting(backend),
  woke: (backend, ms) => control.tellWoke(backend, ms),
});
const control = new ControlPort({
  clock,
  table,
  path,
  token,
  address: () => address,
  open: async () => {
    address = {
      ...(await front.listen(address)),
      ...(address.tls && { tls: await tlsFront.listen(address.tls) }),
    };
    log.info(address, "serving");
    return { port: address.port, ...(address.tls && { tlsPort: address.tls.port }) };
  },
  arrived() {
    hold.tellAll();
    for (const [backend, ms] of table.woken) control.tellWoke(backend, ms);
  },
  setPeers(self, peers) {
    seats.setPeers(self, peers);
    gossip.setPeers(peers);
  },
  home(send) {
    const spent = (it: Spent) => gossip.hear(it);
    return new Home({ hold, spent, backend: (id) => table.backend(id) }, send);
  },
  answer: async (question) =>
    question.about === "tallies"
      ? sightingOf(table.backends, table.counts)
      : explain(question.request, {
          ...{ table, isSettled: control.isSettled },
          isHome: (backend) => seats.isHome(backend),
        }),
  whenDrained: (endpoint, tell) => drains.whenEmpty(endpoint, tell),
});

every(clock, LIMITS.loadMs, () => control.tellLoads(table.takeLoads(clock.elapsed())));
every(clock, LIMITS.comparedMs, () => control.tellLoads(table.takeCompared(clock.elapsed())));

let isEnding = false;
process.on("SIGTERM", () => {
  if (isEnding) return;
  isEnding = true;
  log.info({}, "ending: open requests may finish");
  const closed = Promise.all([tlsFront.close(), front.close()]);
  void Promise.race([closed, clock.sleep(LIMITS.drainMs)]).then(() => leave(closed));
});

/** What is known of the last requests is told before this ends, or would never be. */
async function leave(closed: Promise<unknown>): Promise<void> {
  // Whose time is over gets no answer, and that is told of as well.
  front.destroy();
  await Promise.race([closed, clock.sleep(CUT_MS)]);
  await Promise.race([table.witness.close(), clock.sleep(LAST_WORD_MS)]);
  try {
    leaveCounts(countsPath, sightingOf(table.backends, table.counts));
  } catch (thrown) {
    log.error({ err: thrown }, "cannot leave what was counted");
  }
  control.close();
  rmSync(path, { force: true });
  process.exit(0);
}

clock.after(LIMITS.orphanMs, () => {
  if (control.hasTable) return;
  log.error({}, "no control process has come with a table: ending");
  rmSync(path, { force: true });
  process.exit(1);
});
await control.listen();
