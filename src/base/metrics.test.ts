import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { type Family, histogramOf, metricsText } from "./metrics.ts";

const FAMILIES: readonly Family[] = [
  {
    name: "varve_a_total",
    help: 'A "count",\nin two lines.',
    type: "counter",
    samples: [{ labels: { name: 'a"b\\c\nd' }, value: 3 }, { value: 1.5e9 }],
  },
  { name: "varve_nothing", help: "No samples.", type: "gauge", samples: [] },
  {
    name: "varve_wait_seconds",
    help: "A histogram.",
    type: "histogram",
    samples: histogramOf({ code: "2xx" }, { bounds: [0.1, 1], counts: [2, 0, 1], sum: 4.5 }),
  },
];

const TEXT = `# HELP varve_a_total A "count",\\nin two lines.
# TYPE varve_a_total counter
varve_a_total{name="a\\"b\\\\c\\nd"} 3
varve_a_total 1500000000
# HELP varve_wait_seconds A histogram.
# TYPE varve_wait_seconds histogram
varve_wait_seconds_bucket{code="2xx",le="0.1"} 2
varve_wait_seconds_bucket{code="2xx",le="1"} 2
varve_wait_seconds_bucket{code="2xx",le="+Inf"} 3
varve_wait_seconds_sum{code="2xx"} 4.5
varve_wait_seconds_count{code="2xx"} 3
`;

test("metrics are written as Prometheus reads them", () => {
  assert.equal(metricsText(FAMILIES), TEXT);
});

test("promtool finds nothing wrong with them", (t) => {
  const checked = spawnSync("promtool", ["check", "metrics"], { input: TEXT });
  if (checked.error !== undefined) t.skip("promtool is not there: apt-get install prometheus");
  else assert.equal(checked.status, 0, String(checked.stderr));
});
