/**
 * `npm run test:h2spec`: the conformance suite for HTTP/2 against a gateway, without and with TLS.
 * It is a Go program: `go install github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible`, or
 * H2SPEC says where it is. All of its cases pass, but for one on the plain port.
 */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { makeCertificate } from "../../src/base/certificate.ts";
import { systemClock } from "../../src/base/clock.ts";
import { backendOf, Instance, Rig, routeOf } from "../../src/gateway/rig.ts";

const { HOME = "", H2SPEC = "" } = process.env;
const places = [H2SPEC, "h2spec", join(HOME, "go", "bin", "h2spec")];
const program = places.find((it) => it !== "" && spawnSync(it, ["--version"]).error === undefined);
const skip = program === undefined ? "h2spec is not here: see the head of this file" : false;

/** On the plain port, what is no preface is a request of HTTP/1.1, and gets an answer in that. */
const PLAIN = ["Sends invalid connection preface"];

for (const title of ["without TLS", "over TLS"]) {
  test(`the suite passes ${title}`, { skip }, async () => {
    await using rig = new Rig();
    const fleet = await rig.start({ tls: { host: "127.0.0.1", port: 0 } });
    await using instance = await Instance.start("a", (req, res) => {
      req.resume().on("end", () => res.end("hello"));
    });
    const times = { nowMs: systemClock.now(), days: 2 };
    const pair = await makeCertificate({ name: "h2spec", hosts: ["127.0.0.1"], ...times });
    await fleet.putTls({ is: "certificate", id: "own", isOwn: true, ...pair });
    await fleet.putBackend(backendOf("default/a", [instance]));
    await fleet.putRoute(routeOf("127.0.0.1", { "default/a": 100 }));
    const isTls = title === "over TLS";
    const { port = 0 } = (isTls ? fleet.tlsAddress : fleet.address) ?? {};
    const how = ["-h", "127.0.0.1", "-p", String(port), "-o", "2", ...(isTls ? ["-t", "-k"] : [])];
    const run = promisify(execFile)(program ?? "", how, { maxBuffer: 16e6 });
    const { stdout } = await run.catch((failed) => failed as { readonly stdout: string });
    const [total = ""] = /^\d+ tests, .*$/m.exec(stdout) ?? [];
    const failures = stdout.slice(stdout.indexOf("Failures:"));
    const failed = [...failures.matchAll(/× \d+: (.*)$/gm)].map(([, said = ""]) => said.trim());
    process.stdout.write(`h2spec ${title}: ${total}\n`);
    assert(total.startsWith("14"), stdout.slice(-500));
    assert.deepEqual(failed, isTls ? [] : PLAIN);
  });
}
