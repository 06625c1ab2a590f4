/**
 * `npm run test:h2spec`: the conformance suite for HTTP/2 against a gateway, without and with TLS.
 * It is a Go program: `go install github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible`, or
 * H2SPEC says where it is. A case may fail only when it is on the list, with its reason.
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

const CLOSED = "nghttp2 forgets closed streams, and ignores what comes for them, as it may (5.1)";
const PRIORITY = "priorities are obsolete (RFC 9113, 5.3.2): nghttp2 does not look at them";
const ENDS = "Node ends the connection where ending the stream, or nothing, is asked for";

const WIDENING = "increasing the flow control window to above 2^31-1";

/** What fails against Node's own server in the same way, and why we leave it. */
const KNOWN: Readonly<Record<string, string>> = {
  "closed: Sends a DATA frame after sending RST_STREAM frame": CLOSED,
  "closed: Sends a HEADERS frame after sending RST_STREAM frame": CLOSED,
  "closed: Sends a DATA frame": CLOSED,
  "closed: Sends a HEADERS frame": CLOSED,
  "Sends stream identifier that is numerically smaller than previous": CLOSED,
  "Sends PRIORITY frame that depend on itself": PRIORITY,
  "Sends a PRIORITY frame with 0x0 stream identifier": PRIORITY,
  "Sends a PING frame with ACK": ENDS,
  [`Sends multiple WINDOW_UPDATE frames ${WIDENING} on a stream`]: ENDS,
};

/** On the plain port, what is no preface is a request of HTTP/1.1, and gets an answer in that. */
const PLAIN_KNOWN = "Sends invalid connection preface";

for (const title of ["without TLS", "over TLS"]) {
  test(`the suite passes ${title}, but for what is known`, { skip }, async () => {
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
    const isKnown = (said: string) => KNOWN[said] !== undefined || (!isTls && said === PLAIN_KNOWN);
    process.stdout.write(`h2spec ${title}: ${total}\n`);
    for (const said of failed) process.stdout.write(`  ${said}\n    ${KNOWN[said] ?? ""}\n`);
    assert(total.startsWith("14"), stdout.slice(-500));
    assert.deepEqual(
      failed.filter((said) => !isKnown(said)),
      [],
    );
  });
}
