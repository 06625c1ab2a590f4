import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** An app that writes what it is asked as a line, and ends when it is asked to. */
export async function writeApp(directory: string): Promise<void> {
  const manifest = { name: "talker", type: "module", scripts: { start: "node server.js" } };
  await writeFile(join(directory, "package.json"), JSON.stringify(manifest));
  await writeFile(join(directory, "server.js"), APP);
}

const APP = `
  import { createServer } from "node:http";
  createServer((request, response) => {
    console.log("asked", request.url);
    if (request.url === "/exit") process.exit(7);
    request.on("data", () => {}).on("end", () => response.end("talker says " + request.url));
  }).listen(process.env.PORT, () => console.log("begun"));
`;
