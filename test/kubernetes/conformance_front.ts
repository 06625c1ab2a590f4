import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Agent, request as ask } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { readKubeconfig } from "../../src/client/kubeconfig.ts";
import type { VarveProcess } from "../support/varve_process.ts";

/** Where the suite looks for the gateway of a cluster, to learn by which port it is reached. */
const GATEWAY = "/api/v1/namespaces/istio-system/services/istio-ingressgateway";

/**
 * Varve's API for the suite: the same, but for the one object of a cluster's gateway that the suite
 * finds its way by, so that it needs no DNS.
 */
export class ApiFront implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(varve: VarveProcess): Promise<ApiFront> {
    const { token = "", authority: ca } = await readKubeconfig(join(varve.home, "kubeconfig"));
    const agent = new Agent({ keepAlive: true, ...(ca !== undefined && { ca }) });
    const nodePort = Number(new URL(varve.endpoints.gateway).port);
    const server = createServer((request, response) => {
      if (request.url === GATEWAY) return void response.end(JSON.stringify(gateway(nodePort)));
      const url = new URL(request.url ?? "/", varve.endpoints.api);
      pass(request, response, { url, agent, token });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new ApiFront(server);
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

interface Onward {
  readonly url: URL;
  readonly agent: Agent;
  readonly token: string;
}

function pass(request: IncomingMessage, response: ServerResponse, onward: Onward): void {
  const { url, agent, token } = onward;
  const { method } = request;
  const headers = { ...request.headers, authorization: `Bearer ${token}` };
  const sent = ask(url, { method, headers, agent }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    response.flushHeaders();
    answer.pipe(response);
    answer.on("error", () => response.destroy());
  });
  sent.on("error", () => response.destroy());
  response.on("close", () => sent.destroy());
  request.pipe(sent);
}

function gateway(nodePort: number): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "istio-ingressgateway", namespace: "istio-system" },
    spec: { ports: [{ name: "http2", port: 80, nodePort }] },
  };
}
