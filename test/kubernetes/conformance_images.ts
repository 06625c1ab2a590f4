import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { makeTestImage } from "../../src/oci/test_image.ts";
import type { TestRegistry } from "../../src/oci/test_registry.ts";
import { makeImage } from "../containers/bed.ts";

/*
 * What the suite's images do, told in Node: the same words and the same manners, on the port that
 * PORT names. The published ones are Go programs that listen on 8080 whatever PORT says, which only
 * works where each instance has a network of its own: in containers.
 */
const SERVE = `
  import { createServer } from "node:http";
  import { setTimeout as sleep } from "node:timers/promises";
  const wait = (url, name) => sleep(Number(url.searchParams.get(name) ?? 0));
  const serve = (answer) => createServer((request, response) => {
    const url = new URL(request.url, "http://x");
    Promise.resolve(answer(response, url)).catch(() => response.writeHead(500).end());
  }).listen(process.env.PORT);
`;

function says(text: string): string {
  return `serve((response) => response.end(${JSON.stringify(`${text}\n`)}));`;
}

const IMAGES: Readonly<Record<string, string>> = {
  pizzaplanetv1: says("What a spaceport!"),
  pizzaplanetv2: says("Re-energize yourself with a slice of pepperoni!"),
  helloworld: says("Hello World! How about some tasty noodles?"),
  failing: "await sleep(10_000); process.exit(5);",
  timeout: `serve(async (response, url) => {
    await wait(url, "initialTimeout");
    response.writeHead(200).flushHeaders();
    await wait(url, "timeout");
    response.end("Slept for " + (url.searchParams.get("timeout") ?? 0) + " milliseconds");
  });`,
  singlethreaded: `let busy = 0;
  serve(async (response) => {
    busy += 1;
    const isAlone = busy === 1;
    await sleep(500);
    busy -= 1;
    response.writeHead(isAlone ? 200 : 500).end(isAlone ? "One at a time" : "more than one");
  });`,
  autoscale: `serve((response, url) => {
    const bytes = Number(url.searchParams.get("bloat") ?? 0) * 1024 * 1024;
    const held = Buffer.alloc(bytes, 1);
    response.end("Allocated " + held.length / 1024 / 1024 + " Mb of memory.");
  });`,
};

/** The suite's images in our words, for the process runtime. */
export async function addStandIns(registry: TestRegistry): Promise<void> {
  for (const [name, act] of Object.entries(IMAGES)) {
    const config = { Cmd: ["node", "app.mjs"], Labels: { "varve.dev/runtime": "process" } };
    const layers = [{ "app.mjs": `${SERVE}${act}` }];
    const architecture = process.arch === "x64" ? "amd64" : process.arch;
    registry.add(`${name}:latest`, await makeTestImage({ layers, config, architecture }));
  }
}

/** What the suite's base image has beside the program. */
const BASE = {
  tmp: { directoryMode: 0o1777 },
  "home/nonroot": { directoryMode: 0o700 },
  "etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532::/home/nonroot:/no\n",
  "etc/group": "root:x:0:\nnonroot:x:65532:\n",
};

/** The suite's own programs, each in an image as `ko` would make it. */
export async function addPublished(registry: TestRegistry, directory: string): Promise<void> {
  for (const name of readdirSync(directory)) {
    const program = `ko-app/${name}`;
    const files = { ...BASE, [program]: { from: join(directory, name) } };
    const config = {
      ...{ Entrypoint: [`/${program}`], User: "65532", WorkingDir: "/home/nonroot" },
      Env: ["PATH=/usr/local/bin:/usr/bin:/bin:/ko-app"],
    };
    registry.add(`${name}:latest`, await makeImage({ files, config, hasNode: false }));
  }
}

/** Where the programs are, beside a suite that has them. */
export function publishedImagesOf(suite: string): string | undefined {
  const directory = join(suite, "..", "images");
  return existsSync(directory) ? directory : undefined;
}
