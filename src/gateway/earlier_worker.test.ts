import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { PROTOCOL, TABLE_SINCE } from "./protocol.ts";
import { ask, backendOf, Instance, Rig, routeOf, until } from "./rig.ts";
import { WorkerFiles, type WorkerRecord } from "./worker_files.ts";

const ID = "default/a-00001";
const HOST = "a.localhost";

/** Stands between a worker and its control process, to which it is one of another protocol. */
async function disguised(record: WorkerRecord, protocol: number) {
  const path = `${record.path}.as-${protocol}`;
  const server = createServer((control) => {
    const worker = connect(record.path);
    control.on("error", () => worker.destroy()).pipe(worker);
    worker.on("error", () => control.destroy()).on("close", () => control.destroy());
    worker.setEncoding("utf8").on("data", (said: string) => {
      control.write(said.replace(`"protocol":${PROTOCOL}`, `"protocol":${protocol}`));
    });
  });
  await once(server.listen(path), "listening");
  return { record: { ...record, path }, [Symbol.dispose]: () => void server.close() };
}

for (let protocol = TABLE_SINCE; protocol < PROTOCOL; protocol += 1) {
  test(`a worker of protocol ${protocol} hands its table on before it goes`, async () => {
    await using rig = new Rig();
    await using a = await Instance.start("a");
    const first = await rig.start();
    await first.putBackend(backendOf(ID, [a]));
    await first.putRoute(routeOf(HOST, { [ID]: 100 }));
    await first[Symbol.asyncDispose]();
    const files = new WorkerFiles(rig.home);
    const [record] = files.readAll();
    assert(record !== undefined);
    using earlier = await disguised(record, protocol);
    files.write(earlier.record);
    const second = await rig.start();
    assert.deepEqual(second.address, first.address);
    // Nobody has said yet what there is.
    const asked = Array.from({ length: 20 }, () => ask(second.address, { host: HOST }));
    const codes = (await Promise.all(asked)).map(({ code }) => code);
    assert.deepEqual(new Set(codes), new Set([200]));
    const isAlone = () => second.status().workers.every(({ pid }) => pid !== record.id.pid);
    await until("it has gone", isAlone);
    assert.equal((await ask(second.address, { host: HOST })).body, "a");
    assert.equal(second.ready, 1);
  });
}
