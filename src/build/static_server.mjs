// Serves a static site from inside of its image. It runs there by itself, beside a copy of `sirv`
// and of what that needs, and knows nothing of the rest of Varve.
import { createReadStream, existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import sirv from "sirv";

const root = join(import.meta.dirname, "site");
const notFoundPage = join(root, "404.html");
const hasNotFoundPage = existsSync(notFoundPage);
// It changes with any file of the site. So do images; times of files need not.
const version = readFileSync(join(import.meta.dirname, "version"), "utf8").trim();
const etag = `W/"${version}"`;
const directories = new Set(directoriesOf(""));

const serve = sirv(root, {
  // Its own is made of the size and time of a file, and those may both stay while it changes.
  etag: false,
  maxAge: 0,
  gzip: true,
  brotli: true,
  setHeaders(response) {
    response.setHeader("ETag", etag);
    response.setHeader("Accept-Ranges", "bytes");
    response.setHeader("X-Content-Type-Options", "nosniff");
  },
});

const server = createServer((request, response) => {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { Allow: "GET, HEAD" }).end();
    return;
  }
  const [path, query] = split(request.url ?? "/");
  if (directories.has(decoded(path))) {
    response.writeHead(308, { Location: `${path}/${query}` }).end();
    return;
  }
  if (isCurrent(request.headers)) {
    response.writeHead(304, { ETag: etag, "Cache-Control": "public,max-age=0,must-revalidate" });
    response.end();
    return;
  }
  if (!isPlainRange(request.headers)) delete request.headers.range;
  serve(request, response, () => answerMissing(response));
});

/** The page `404.html` of the site, if it has one. */
function answerMissing(response) {
  if (!hasNotFoundPage) {
    response.writeHead(404, { "Content-Type": "text/plain" }).end("Not found\n");
    return;
  }
  response.writeHead(404, {
    "Content-Type": "text/html;charset=utf-8",
    "Cache-Control": "no-store",
  });
  createReadStream(notFoundPage).pipe(response);
}

/** Directories with an index, whose address ends in "/", or the links in it would lead astray. */
function directoriesOf(under) {
  return readdirSync(join(root, under), { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory() || (entry.name.startsWith(".") && entry.name !== ".well-known"))
      return [];
    const path = `${under}/${entry.name}`;
    const isPage = existsSync(join(root, path, "index.html"));
    return [...(isPage ? [path] : []), ...directoriesOf(path)];
  });
}

/** Nobody has our tag who has not been given a file of this very site. */
function isCurrent({ "if-none-match": tags = "" }) {
  return tags.split(",").some((tag) => tag.trim() === etag);
}

/**
 * One range that begins and ends: the others, which `sirv` reads wrongly, may be left out, and
 * then all of the file is the answer. As our tags are weak, no part fits to an older one either.
 */
function isPlainRange({ range, "if-range": ifRange }) {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
  if (first === undefined || ifRange !== undefined) return false;
  return last === "" || (Number(last) >= Number(first) && Number(last) > 0);
}

function split(target) {
  const mark = target.indexOf("?");
  return mark === -1 ? [target, ""] : [target.slice(0, mark), target.slice(mark)];
}

function decoded(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

server.listen(Number(process.env.PORT ?? 8080));
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
}
