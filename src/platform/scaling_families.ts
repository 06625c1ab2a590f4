import type { Family, Labels } from "../base/metrics.ts";
import type { Autoscaler, Figures } from "../reconcilers/revision/autoscaler.ts";

/** What the autoscaler wants of each Revision that is not stopped, and how often it woke any. */
export function scalingFamilies(autoscaler: Autoscaler): readonly Family[] {
  const figures = autoscaler.figures();
  const wakings = autoscaler.wakings();
  const gauge = (name: string, help: string, figureOf: (it: Figures) => number): Family => {
    const samples = figures.map((it) => ({ labels: labelsOf(it.revision), value: figureOf(it) }));
    return { name: `varve_autoscaler_${name}`, help, type: "gauge", samples };
  };
  const isAwake = ({ floor }: Figures) => floor === "awake";
  return [
    gauge("desired_instances", "How many instances there should be to serve.", (it) =>
      isAwake(it) ? it.replicas : 0,
    ),
    gauge("actual_instances", "How many instances are ready.", ({ ready }) => ready),
    gauge("frozen_instances", "How many instances are kept without a processor.", (it) =>
      it.floor === "frozen" ? it.replicas : 0,
    ),
    gauge("panic", "Whether it goes by the short window, as the load jumped: 1 or 0.", (it) =>
      it.isPanicking ? 1 : 0,
    ),
    gauge(
      "excess_burst_capacity",
      "Requests at once that the instances could take beyond the burst that is asked for.",
      ({ excessBurst }) => excessBurst,
    ),
    {
      name: "varve_cold_starts_total",
      help: "How often a request found nobody, by what there was before.",
      type: "counter",
      samples: wakings.map(({ from, count }) => ({ labels: { from }, value: count })),
    },
    {
      name: "varve_cold_start_seconds_total",
      help: "How long it took in all until there was an instance again.",
      type: "counter",
      samples: wakings.map(({ from, ms }) => ({ labels: { from }, value: ms / 1000 })),
    },
  ];
}

function labelsOf(path: string): Labels {
  const [namespace = "", revision = ""] = path.split("/");
  return { namespace, revision };
}
