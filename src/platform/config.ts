import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { LogLevel } from "../base/log.ts";
import { problemOfLimit, type SetLimits } from "../gateway/limits.ts";
import type { GatewaySettings } from "../gateway/route_table.ts";
import { ACCESS_SETTINGS, type AccessConfig, readAccess } from "./access_settings.ts";
import { CONTAINER_SETTINGS, type ContainerConfig, readContainers } from "./container_settings.ts";
import { readSight, SIGHT_SETTINGS } from "./sight_config.ts";
import { readTls, TLS_SETTINGS, type TlsConfig } from "./tls_config.ts";

/** One setting of `varve serve`: how it is given, and what it means. */
export interface Setting {
  readonly flag: string;
  /** In the environment. */
  readonly variable: string;
  /** What stands for the value in `--help`; a switch has none. */
  readonly value?: string;
  /** As text, when it can be said without knowing the machine. */
  readonly otherwise: string;
  readonly meaning: string;
}

/** Every setting there is. `--help` and docs/operating/configuration.md come from this table. */
export const SETTINGS: readonly Setting[] = [
  {
    flag: "home",
    variable: "VARVE_HOME",
    value: "DIR",
    otherwise: "$XDG_DATA_HOME/varve, or ~/.local/share/varve",
    meaning: "where everything is kept",
  },
  {
    flag: "api",
    variable: "VARVE_API",
    value: "HOST:PORT",
    otherwise: "127.0.0.1:6480",
    meaning: "where the API listens, over HTTPS; port 0 is any free one",
  },
  {
    flag: "gateway",
    variable: "VARVE_GATEWAY",
    value: "HOST:PORT",
    otherwise: "127.0.0.1:8080",
    meaning: "where requests to services arrive; port 0 is any free one",
  },
  ...TLS_SETTINGS,
  {
    flag: "domain",
    variable: "VARVE_DOMAIN",
    value: "NAME",
    otherwise: "localhost",
    meaning: "what the hosts of services end in: name.namespace.DOMAIN",
  },
  {
    flag: "workers",
    variable: "VARVE_WORKERS",
    value: "N",
    otherwise: "1",
    meaning: "gateway processes; two or more outlive the loss of one, and use more cores",
  },
  {
    flag: "gateway-limits",
    variable: "VARVE_GATEWAY_LIMITS",
    value: "NAME=N,…",
    otherwise: "",
    meaning: "bounds of the gateway other than the usual ones; docs/operating/gateway.md has all",
  },
  ...ACCESS_SETTINGS,
  {
    flag: "domain-proof",
    variable: "VARVE_DOMAIN_PROOF",
    value: "HOW",
    otherwise: "off",
    meaning:
      "how a namespace shows that a domain it maps is its own: off, or dns for a TXT record " +
      "_varve.DOMAIN that says namespace=NAMESPACE",
  },
  ...SIGHT_SETTINGS,
  ...CONTAINER_SETTINGS,
  {
    flag: "log-level",
    variable: "VARVE_LOG_LEVEL",
    value: "LEVEL",
    otherwise: "info",
    meaning: "what to log to standard error: debug, info, warn, error or silent",
  },
  {
    flag: "leave-running",
    variable: "VARVE_LEAVE_RUNNING",
    otherwise: "off",
    meaning: "on SIGTERM, leave instances and gateway running for the next start to take over",
  },
  {
    flag: "sample",
    variable: "VARVE_SAMPLE",
    otherwise: "off",
    meaning: "deploy a sample service in two versions when the home is new, and print its URLs",
  },
];

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Config extends ContainerConfig {
  readonly home: string;
  readonly api: Address;
  readonly gateway: Address;
  /** Nothing where there is no TLS. */
  readonly tlsGateway: Address | undefined;
  readonly tls: TlsConfig;
  /** What holds for all hosts of the gateway. */
  readonly sight: GatewaySettings;
  readonly domain: string;
  readonly workers: number;
  readonly gatewayLimits: SetLimits;
  readonly access: AccessConfig;
  readonly domainProof: "off" | "dns";
  readonly logLevel: LogLevel;
  readonly leavesRunning: boolean;
  readonly hasSample: boolean;
  /** Where programs are looked for: git, npm, and what instances start. */
  readonly toolPath: string;
  /** Where Node keeps compiled code; workers share it. */
  readonly compileCache: string | undefined;
}

/** What was asked for cannot be done. The message names the setting, the value and the rule. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads flags, and the environment where there is no flag. Throws `ConfigError`. */
export function readConfig(
  args: readonly string[],
  environment: Environment = process.env,
): Config {
  checkVariables(environment);
  const given = flagsOf(args);
  const text = (flag: string): string => {
    const { variable = "", otherwise = "" } = SETTINGS.find((it) => it.flag === flag) ?? {};
    return given.get(flag) ?? environment[variable] ?? otherwise;
  };
  const isNamed = given.has("home") || (environment["VARVE_HOME"] ?? "") !== "";
  const home = isNamed ? resolve(text("home")) : homeOf(environment);
  return {
    home,
    access: readAccess({ text, home, wrong }),
    api: readAddress("api", text("api")),
    gateway: readAddress("gateway", text("gateway")),
    tlsGateway: readTlsAddress(text),
    tls: readTls({ text, wrong }),
    sight: readSight({ text, wrong }),
    domain: readDomain(text("domain")),
    workers: readWhole("workers", text("workers")),
    gatewayLimits: readLimits(text("gateway-limits")),
    domainProof: readProof(text("domain-proof")),
    ...readContainers({ text, wrong, environment }),
    logLevel: readLevel(text("log-level")),
    leavesRunning: readSwitch("leave-running", text("leave-running")),
    hasSample: readSwitch("sample", text("sample")),
    toolPath: environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
    compileCache: environment["NODE_COMPILE_CACHE"],
  };
}

/** The home when nobody names one, for the server and for the commands alike. */
export function homeOf(environment: Environment): string {
  const { VARVE_HOME: home, XDG_DATA_HOME: data = "" } = environment as Record<string, string>;
  if (home !== undefined && home !== "") return resolve(home);
  return join(data === "" ? join(homedir(), ".local", "share") : data, "varve");
}

/** `varve serve --help`. */
export function configHelp(): string {
  const rows = SETTINGS.map(({ flag, value, variable, otherwise, meaning }) => {
    const head = `  --${flag}${value === undefined ? "" : ` ${value}`} `;
    return `${head.padEnd(24)}${meaning}\n${" ".repeat(24)}[${variable}; otherwise ${otherwise}]`;
  });
  return [
    "Usage: varve serve [flags]",
    "",
    "Runs the platform: API, controllers, builds and gateway, until SIGINT or SIGTERM.",
    "",
    ...rows,
    `  ${"--help".padEnd(22)}this text`,
    "",
  ].join("\n");
}

/** Other words that begin like ours: the commands read these, or instances are told them. */
const ALSO_KNOWN: ReadonlySet<string> = new Set(["VARVE_INSTANCE", "VARVE_KUBECONFIG"]);

function checkVariables(environment: Environment): void {
  const known = SETTINGS.map(({ variable }) => variable);
  const unknown = Object.keys(environment).find(
    (name) => name.startsWith("VARVE_") && !known.includes(name) && !ALSO_KNOWN.has(name),
  );
  if (unknown === undefined) return;
  throw new ConfigError(
    `${unknown} in the environment is no setting: there are ${known.join(", ")}`,
  );
}

function flagsOf(args: readonly string[]): ReadonlyMap<string, string> {
  const options = Object.fromEntries(
    SETTINGS.map(({ flag, value }) => [
      flag,
      { type: value === undefined ? ("boolean" as const) : ("string" as const) },
    ]),
  );
  try {
    const { values } = parseArgs({ args: [...args], options, allowNegative: true });
    return new Map(Object.entries(values).map(([flag, value]) => [flag, String(value)]));
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new ConfigError(`${why}\nTry: varve serve --help`, { cause: thrown });
  }
}

function readAddress(flag: string, text: string): Address {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d+)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65535) {
    throw wrong(flag, text, "want HOST:PORT, such as 127.0.0.1:8080, with a port up to 65535");
  }
  return { host, port: Number(port) };
}

/** Whoever chooses another plain port may run several of us, and meant none of them for 8443. */
function readTlsAddress(text: (flag: string) => string): Address | undefined {
  const { otherwise = "" } = SETTINGS.find(({ flag }) => flag === "tls-gateway") ?? {};
  const given = text("tls-gateway");
  if (given === "off") return undefined;
  if (given !== otherwise) return readAddress("tls-gateway", given);
  const plain = text("gateway");
  const { host } = readAddress("gateway", plain);
  const isUsual = SETTINGS.some(({ flag, otherwise: it }) => flag === "gateway" && it === plain);
  return { host, port: isUsual ? TLS_PORT : 0 };
}

const TLS_PORT = 8443;

const DOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

function readDomain(text: string): string {
  if (DOMAIN.test(text) && text.length <= 180) return text;
  throw wrong("domain", text, "want a DNS name in lower case, such as apps.example.com");
}

function readWhole(flag: string, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= 256) return value;
  throw wrong(flag, text, "want a whole number from 1 to 256");
}

function readProof(text: string): Config["domainProof"] {
  if (text === "off" || text === "dns") return text;
  throw wrong("domain-proof", text, "want off or dns");
}

/** "keepAliveMs=30000,queueMax=500": each by its name, in any order. */
function readLimits(text: string): SetLimits {
  const limits: Record<string, number> = {};
  for (const item of text.split(",").filter((one) => one.trim() !== "")) {
    const [name = "", value = "", ...more] = item.split("=").map((part) => part.trim());
    const isNumber = /^\d+$/.test(value) && more.length === 0;
    if (!isNumber) throw wrong("gateway-limits", item, "want NAME=N with a whole number");
    const problem = problemOfLimit(name, Number(value));
    if (problem !== undefined) throw wrong("gateway-limits", item, problem);
    const isTwice = Object.hasOwn(limits, name);
    if (isTwice) throw wrong("gateway-limits", text, `${name} is there twice: want it once`);
    limits[name] = Number(value);
  }
  return limits;
}

const LEVELS: readonly string[] = ["debug", "info", "warn", "error", "silent"];

function readLevel(text: string): LogLevel {
  if (LEVELS.includes(text)) return text as LogLevel;
  throw wrong("log-level", text, `want one of ${LEVELS.join(", ")}`);
}

function readSwitch(flag: string, text: string): boolean {
  if (["true", "on", "1", "yes"].includes(text)) return true;
  if (["false", "off", "0", "no", ""].includes(text)) return false;
  throw wrong(flag, text, "want on or off");
}

function wrong(flag: string, value: string, rule: string): ConfigError {
  const { variable = "" } = SETTINGS.find((it) => it.flag === flag) ?? {};
  return new ConfigError(`--${flag} (${variable}) is "${value}": ${rule}`);
}
