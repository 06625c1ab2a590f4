import { replaceFile } from "../base/durable_file.ts";
import { writeYaml } from "../base/yaml.ts";
import type { Credentials } from "./credentials.ts";
import type { Home } from "./home.ts";

export interface Endpoints {
  /** As URLs. */
  readonly api: string;
  readonly gateway: string;
  /** Where there is TLS. */
  readonly gatewayTls?: string;
}

/** Writes down where we listen, for commands, scripts and kubectl to find. */
export async function writeEndpoints(
  home: Home,
  endpoints: Endpoints,
  credentials: Credentials,
): Promise<void> {
  const kubeconfig = writeYaml(kubeconfigFor(endpoints.api, credentials));
  await replaceFile(home.kubeconfig, kubeconfig, { mode: 0o600 });
  await replaceFile(home.endpoints, `${JSON.stringify(endpoints, undefined, 2)}\n`);
}

/** What lets kubectl, kn and client libraries in as administrator. */
function kubeconfigFor(server: string, { authority, token }: Credentials): object {
  const data = Buffer.from(authority.cert).toString("base64");
  const name = "varve";
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server, "certificate-authority-data": data } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: "default" } }],
    "current-context": name,
  };
}

/** "http://127.0.0.1:8080", or "https://[::1]:6480". What listens everywhere is reached here. */
export function urlAt(scheme: string, host: string, port: number): string {
  const reached = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `${scheme}://${reached.includes(":") ? `[${reached}]` : reached}:${port}`;
}
