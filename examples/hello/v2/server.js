import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const { text, colour } = JSON.parse(readFileSync("greeting.json", "utf8"));
const { PORT = "8080", K_REVISION = "no revision" } = process.env;

const server = createServer((request, response) => {
  console.log(`${request.method} ${request.url}`);
  if (request.headers.accept?.includes("text/html")) {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(page());
    return;
  }
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.end(`${text} (${K_REVISION})\n`);
});

server.listen(PORT, () => console.log(`${K_REVISION} listens on port ${PORT}`));

// The platform asks with SIGTERM, once nothing new is sent here: finish what is under way.
process.on("SIGTERM", () => server.close());

function page() {
  return `<!doctype html>
<html lang="en">
  <title>${text}</title>
  <body style="background:${colour};color:white;font:2rem system-ui;display:grid;height:90vh">
    <main style="margin:auto;text-align:center"><h1>${text}</h1><p>${K_REVISION}</p></main>
  </body>
</html>
`;
}
