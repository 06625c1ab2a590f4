import type { IncomingMessage } from "node:http";
import { type Agent, request } from "node:https";
import type { ConfigMap } from "../../../src/api/config_map.ts";

export interface WireOptions {
  readonly port: number;
  readonly token: string;
  readonly agent: Agent;
}

export interface Answered {
  readonly code: number;
  // What a test looks into is what the test asked for.
  readonly body: { readonly [name: string]: unknown };
}

export interface Event {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: ConfigMap;
}

/**
 * The API as bytes on a socket, with nothing that tries again or hides something: one request is
 * one attempt, and it has an answer or none.
 */
export class Wire {
  readonly #options: WireOptions;

  constructor(options: WireOptions) {
    this.#options = options;
  }

  /** The answer, or nothing when the connection broke before there was a whole one. */
  async ask(method: string, path: string, sent?: object): Promise<Answered | undefined> {
    try {
      const response = await this.#send(method, path, sent);
      let text = "";
      for await (const chunk of response.setEncoding("utf8")) text += chunk;
      if (!response.complete) return undefined;
      return { code: response.statusCode ?? 0, body: JSON.parse(text) };
    } catch {
      return undefined;
    }
  }

  /** Tells of each event, as a line, until the connection breaks or the listener answers true. */
  async watch(path: string, listener: (line: string) => boolean): Promise<void> {
    try {
      const response = await this.#send("GET", path);
      let rest = "";
      for await (const chunk of response.setEncoding("utf8")) {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) if (listener(line)) return;
      }
    } catch (thrown) {
      // Only what the connection does is expected.
      if (!(thrown instanceof Error && "code" in thrown)) throw thrown;
      if (String(thrown.code).startsWith("ERR_ASSERTION")) throw thrown;
    }
  }

  #send(method: string, path: string, sent?: object): Promise<IncomingMessage> {
    const { port, token, agent } = this.#options;
    const body = sent === undefined ? undefined : JSON.stringify(sent);
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
      }),
    };
    return new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port, method, path, agent, headers };
      const outgoing = request(options, resolve);
      outgoing.once("error", reject);
      outgoing.end(body);
    });
  }
}
