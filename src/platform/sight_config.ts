import { readCidr } from "../gateway/client_address.ts";
import type { GatewaySettings } from "../gateway/route_table.ts";

/** What the gateway is told for all hosts, as flags of `varve serve`. */
export const SIGHT_SETTINGS = [
  {
    flag: "trusted-proxies",
    variable: "VARVE_TRUSTED_PROXIES",
    value: "CIDR,…",
    otherwise: "none",
    meaning: "proxies before the gateway, whose X-Forwarded-For tells who the client is",
  },
  {
    flag: "access-log",
    variable: "VARVE_ACCESS_LOG",
    value: "WHICH",
    otherwise: "off",
    meaning:
      "requests to write to HOME/gateway/gateway/access-N.log: off, failures, all, or a share",
  },
  {
    flag: "otlp-endpoint",
    variable: "VARVE_OTLP_ENDPOINT",
    value: "URL",
    otherwise: "none",
    meaning: "where spans go by OTLP/HTTP, such as http://127.0.0.1:4318/v1/traces",
  },
  {
    flag: "trace-sample",
    variable: "VARVE_TRACE_SAMPLE",
    value: "SHARE",
    otherwise: "1",
    meaning: "of the requests that bring no trace of their own, which share begins one",
  },
] as const;

export interface SightConfigSource {
  readonly text: (flag: string) => string;
  readonly wrong: (flag: string, value: string, rule: string) => Error;
}

/** Reads those flags. Throws what `wrong` makes. */
export function readSight({ text, wrong }: SightConfigSource): GatewaySettings {
  const proxies = text("trusted-proxies");
  const trustedProxies = proxies === "none" || proxies === "" ? [] : proxies.split(",");
  const bad = trustedProxies.find((it) => readCidr(it) === undefined);
  if (bad !== undefined) {
    throw wrong("trusted-proxies", bad, 'want addresses or blocks, such as "10.0.0.0/8,fd00::/8"');
  }
  const log = logShare(text("access-log"));
  if (log === undefined) {
    throw wrong(
      "access-log",
      text("access-log"),
      "want off, failures, all, or a share from 0 to 1",
    );
  }
  const endpoint = text("otlp-endpoint");
  const isTraced = endpoint !== "none" && endpoint !== "";
  if (isTraced && !(URL.canParse(endpoint) && /^https?:/.test(endpoint))) {
    throw wrong("otlp-endpoint", endpoint, "want a URL such as http://127.0.0.1:4318/v1/traces");
  }
  const sample = share(text("trace-sample"));
  if (sample === undefined) {
    throw wrong("trace-sample", text("trace-sample"), "want a share from 0 to 1");
  }
  return {
    ...(trustedProxies.length > 0 && { trustedProxies }),
    ...(log !== "off" && { accessLog: { sample: log } }),
    ...(isTraced && { tracing: { endpoint, sample } }),
  };
}

function logShare(text: string): number | "off" | undefined {
  if (text === "off" || text === "") return "off";
  if (text === "failures") return 0;
  return text === "all" ? 1 : share(text);
}

function share(text: string): number | undefined {
  const value = Number(text);
  return /^\d*\.?\d+$/.test(text) && value >= 0 && value <= 1 ? value : undefined;
}
