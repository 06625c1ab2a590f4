import { type Container, DEFAULT_PORT } from "./container.ts";
import type { Probe } from "./probe.ts";
import {
  at,
  disallowed,
  missing,
  notExactlyOne,
  outside,
  type Violation,
  wrong,
} from "./violation.ts";

export interface ProbeCheck {
  /** Of the container. */
  readonly path: string;
  /** It is the one that is sent requests. */
  readonly isServing: boolean;
}

/** What is wrong with the probes of one container (spec/elafros §4.4). */
export function checkProbes(
  { readinessProbe, livenessProbe, startupProbe, ports = [] }: Container,
  { path: container, isServing }: ProbeCheck,
): readonly Violation[] {
  const probes = { readinessProbe, livenessProbe, startupProbe };
  return Object.entries(probes).flatMap(([name, probe]) => {
    if (probe === undefined) return [];
    const path = at(container, name);
    if (!isServing) return [disallowed(path, "only the container with the port is probed")];
    return [
      ...checkWay(probe, path),
      ...checkCounts(probe, path),
      ...(name === "readinessProbe" ? checkEager(probe, path) : []),
      ...checkPort(probe, { path, ports }),
    ];
  });
}

const WAYS = ["httpGet", "tcpSocket", "exec", "grpc"] as const;

function checkWay(probe: Probe, path: string): readonly Violation[] {
  const given = WAYS.filter((way) => probe[way] !== undefined);
  const isMute = probe.exec !== undefined && (probe.exec.command ?? []).length === 0;
  return [
    ...notExactlyOne(path, { given, ways: WAYS }),
    ...(isMute ? [missing(at(path, "exec", "command"))] : []),
    ...(probe.httpGet?.httpHeaders ?? []).flatMap(({ name }, index) => {
      return name === "" ? [missing(at(path, "httpGet", "httpHeaders", index, "name"))] : [];
    }),
  ];
}

const MOST = 2_147_483_647;

function checkCounts(probe: Probe, path: string): readonly Violation[] {
  const from = {
    initialDelaySeconds: 0,
    periodSeconds: 0,
    timeoutSeconds: 1,
    successThreshold: 1,
    failureThreshold: 1,
    terminationGracePeriodSeconds: 1,
  } as const;
  return Object.entries(from).flatMap(([name, least]) =>
    outside(at(path, name), probe[name as keyof typeof from], { from: least, to: MOST }),
  );
}

/** Without a period it is probed many times a second until it is ready, whatever the count. */
function checkEager(probe: Probe, path: string): readonly Violation[] {
  if ((probe.periodSeconds ?? 0) !== 0) return [];
  const names = (["failureThreshold", "timeoutSeconds"] as const).filter(
    (name) => probe[name] !== undefined,
  );
  return names.map((name) => {
    const way = "periodSeconds is zero when it is left out; set it, to 10 for example";
    const details = `${name} is ${probe[name]}, and ${way}`;
    return wrong(at(path, name), `${name} is disallowed when periodSeconds is zero`, details);
  });
}

interface PortCheck {
  readonly path: string;
  readonly ports: NonNullable<Container["ports"]>;
}

/** A probe asks the port that requests go to; Knative allows no other. */
function checkPort(probe: Probe, { path, ports }: PortCheck): readonly Violation[] {
  const [{ containerPort = DEFAULT_PORT, name = "" } = {}] = ports;
  const given = {
    httpGet: probe.httpGet?.port,
    tcpSocket: probe.tcpSocket?.port,
    grpc: probe.grpc?.port,
  };
  return Object.entries(given).flatMap(([way, port]) => {
    if (port === undefined || String(port) === String(containerPort)) return [];
    if (name !== "" && port === name) return [];
    const details = `want ${containerPort}, have ${port}`;
    return [wrong(at(path, way, "port"), "Probe port must match container port", details)];
  });
}
