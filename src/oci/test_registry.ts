import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Digest } from "./oci.ts";
import { digestOf, type TestImage } from "./test_image.ts";

export interface TestRegistryOptions {
  /** Who may pull, and how they have to say so. Everybody may when left out. */
  readonly auth?: {
    readonly scheme: "bearer" | "basic";
    readonly username: string;
    readonly password: string;
  };
  /** Answers instead of the registry when it returns true. */
  readonly instead?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

const TOKEN = "test-token";

/** A registry for tests: real HTTP, the distribution API both ways, and an account of it. */
export class TestRegistry implements AsyncDisposable {
  /** What was asked, without the pings: "GET /v2/app/manifests/1". */
  readonly asked: string[] = [];
  readonly #options: TestRegistryOptions;
  readonly #blobs = new Map<string, Buffer>();
  readonly #manifests = new Map<string, { readonly type: string; readonly bytes: Buffer }>();
  readonly #server: Server;

  constructor(options: TestRegistryOptions = {}) {
    this.#options = options;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  async start(host = "127.0.0.1"): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, host, resolve));
  }

  /** "127.0.0.1:40123". */
  get host(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `${address}:${port}`;
  }

  add(name: string, { digest, manifest, blobs }: TestImage): void {
    for (const [each, bytes] of blobs) this.#blobs.set(each, bytes);
    const bytes = blobs.get(digest) ?? Buffer.alloc(0);
    this.addManifest(name, manifest.mediaType, bytes);
  }

  /** `name` is "app:1". Answers with its digest, under which it is served as well. */
  addManifest(name: string, type: string, bytes: Buffer): Digest {
    const [repository = "", tag = ""] = name.split(":");
    this.#manifests.set(`${repository}/manifests/${tag}`, { type, bytes });
    this.#manifests.set(`${repository}/manifests/${digestOf(bytes)}`, { type, bytes });
    return digestOf(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://x");
    if (pathname !== "/v2/" && pathname !== "/token") {
      this.asked.push(`${request.method} ${pathname}`);
    }
    if (pathname === "/token") this.#giveToken(request, response, searchParams);
    else if (this.#options.instead?.(request, response) === true) return;
    else if (!this.#isKnown(request)) this.#challenge(response);
    else if (pathname === "/v2/") response.end("{}");
    else if (request.method === "POST") this.#startUpload(pathname, response);
    else if (request.method === "PUT") void this.#take(request, response);
    else this.#give(pathname.replace("/v2/", ""), response);
  }

  #startUpload(pathname: string, response: ServerResponse): void {
    response.writeHead(202, { location: `${pathname}1?state=a` }).end();
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://x");
    const bytes = Buffer.concat(await Array.fromAsync(request));
    const [repository = "", tag] = pathname.replace("/v2/", "").split("/manifests/");
    const wanted = searchParams.get("digest") ?? "";
    if (tag !== undefined) {
      this.addManifest(`${repository}:${tag}`, request.headers["content-type"] ?? "", bytes);
    } else if (digestOf(bytes) === wanted) this.#blobs.set(wanted, bytes);
    else return void response.writeHead(400).end();
    response.writeHead(201).end();
  }

  #give(path: string, response: ServerResponse): void {
    const blob = this.#blobs.get(path.split("/blobs/")[1] ?? "");
    const manifest = this.#manifests.get(path);
    if (blob !== undefined) response.end(blob);
    else if (manifest === undefined) answerMissing(response);
    else response.setHeader("content-type", manifest.type).end(manifest.bytes);
  }

  #isKnown({ headers: { authorization } }: IncomingMessage): boolean {
    const { auth } = this.#options;
    if (auth === undefined) return true;
    return authorization === (auth.scheme === "bearer" ? `Bearer ${TOKEN}` : basicOf(auth));
  }

  #challenge(response: ServerResponse): void {
    const bearer = `Bearer realm="http://${this.host}/token",service="test"`;
    const offer = this.#options.auth?.scheme === "bearer" ? bearer : 'Basic realm="a, b"';
    const errors = [{ code: "UNAUTHORIZED", message: "authentication required" }];
    response.writeHead(401, { "www-authenticate": offer }).end(JSON.stringify({ errors }));
  }

  #giveToken(request: IncomingMessage, response: ServerResponse, asked: URLSearchParams): void {
    const { auth } = this.#options;
    const isKnown = auth !== undefined && request.headers.authorization === basicOf(auth);
    this.asked.push(`token for ${asked.get("scope")} of ${asked.get("service")}`);
    if (isKnown) response.end(JSON.stringify({ token: TOKEN }));
    else response.writeHead(401).end(JSON.stringify({ details: "incorrect username or password" }));
  }
}

function answerMissing(response: ServerResponse): void {
  const errors = [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown", detail: {} }];
  response.writeHead(404).end(JSON.stringify({ errors }));
}

function basicOf({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
