/**
 * The app that every driver of the contract runs in its suite, as a script for Node: an HTTP server
 * on `PORT` that writes "begun" when it listens, and answers
 *
 *   /            "hello"
 *   /env         its variables, as JSON
 *   /say/TEXT    by writing TEXT as a line
 *   /ill, /well  by answering 503, or 200, to /health from then on; `ILL` makes it begin with 503
 *   /exit/CODE   by ending with that code
 *
 * With `BUSY` it wakes up a thousand times a second, to do nothing.
 */
export const TEST_APP = `
import { createServer } from "node:http";
const { env, exit, stdout } = process;
const write = (text) => stdout.write(text + "\\n");
if (env.BUSY !== undefined) globalThis.setInterval(() => {}, 1);
let health = env.ILL === undefined ? 200 : 503;
const server = createServer((request, response) => {
  const [, word, text = ""] = request.url.split("/");
  if (word === "exit") exit(Number(text));
  if (word === "say") write(decodeURIComponent(text));
  if (word === "ill" || word === "well") health = word === "ill" ? 503 : 200;
  response.statusCode = word === "health" ? health : 200;
  response.end(word === "env" ? JSON.stringify(env) : "hello");
});
server.listen(Number(env.PORT), () => write("begun"));
`;
