import { Transform } from "node:stream";
import { constants, createBrotliCompress, createGzip } from "node:zlib";
import type { Compression } from "../api/traffic_policy_schema.ts";
import { type Asked, type FlatHeaders, removeHeader, setHeader, valueIn } from "./course.ts";

type Coding = "br" | "gzip";

const ALGORITHMS: readonly Coding[] = ["br", "gzip"];
const MIN_BYTES = 1024;
const TYPES = new RegExp(
  [
    "^text/(?!event-stream)",
    String.raw`^application/(?:[\w.+-]+\+)?(?:json|xml)\b`,
    String.raw`^application/(?:javascript|manifest|wasm|x-ndjson)\b`,
    String.raw`^(?:image/svg\+xml|font/(?:ttf|otf))`,
  ].join("|"),
  "i",
);
/** Their parts must reach the client as they come, and some are framed by their bytes. */
const NEVER = /^(?:text\/event-stream|application\/grpc)/i;
const BROTLI_QUALITY = 4;
const GZIP_LEVEL = 5;

/**
 * Decides whether an answer is compressed; if so, says it in its head, and answers with what the
 * body goes through. Whatever the decision, caches are told that it may differ (RFC 9110, 12.5.5).
 */
export function compressed(
  spec: Compression,
  asked: Asked,
  code: number,
  headers: FlatHeaders,
): Transform | undefined {
  const type = valueIn(headers, "content-type") ?? "";
  if (!isWanted(spec, type)) return undefined;
  addVary(headers);
  if (asked.method === "HEAD" || code < 200 || code === 204 || code === 206 || code === 304) {
    return undefined;
  }
  const length = valueIn(headers, "content-length");
  const { minBytes = MIN_BYTES, algorithms = ALGORITHMS } = spec;
  if (length !== undefined && Number(length) < minBytes) return undefined;
  const encoding = valueIn(headers, "content-encoding") ?? "identity";
  if (encoding.toLowerCase() !== "identity") return undefined;
  if (/\bno-transform\b/i.test(valueIn(headers, "cache-control") ?? "")) return undefined;
  const coding = codingFor(asked.header("accept-encoding"), algorithms);
  if (coding === undefined) return undefined;
  for (const name of ["content-length", "accept-ranges", "content-md5"])
    removeHeader(headers, name);
  setHeader(headers, "Content-Encoding", coding);
  weaken(headers);
  return encoder(coding, length === undefined);
}

function isWanted({ types }: Compression, type: string): boolean {
  if (NEVER.test(type)) return false;
  if (types === undefined) return TYPES.test(type);
  const bare = (type.split(";")[0] ?? "").trim().toLowerCase();
  return types.some((it) => it === bare || (it.endsWith("/*") && bare.startsWith(it.slice(0, -1))));
}

function addVary(headers: FlatHeaders): void {
  const vary = valueIn(headers, "vary") ?? "";
  if (vary.includes("*") || /\baccept-encoding\b/i.test(vary)) return;
  headers.push("Vary", "Accept-Encoding");
}

/** Other bytes are another representation: a strong tag would say that they are the same. */
function weaken(headers: FlatHeaders): void {
  const tag = valueIn(headers, "etag");
  if (tag?.startsWith('"')) setHeader(headers, "ETag", `W/${tag}`);
}

/** What the client likes best of what we have: among equals, the first of ours. */
export function codingFor(
  header: string | undefined,
  algorithms: readonly Coding[],
): Coding | undefined {
  if (header === undefined) return undefined;
  const weights = new Map(
    header.split(",").map((part) => {
      const [name = "", ...parameters] = part.split(";").map((it) => it.trim().toLowerCase());
      const q = parameters.find((it) => it.startsWith("q="))?.slice(2);
      return [name === "x-gzip" ? "gzip" : name, q === undefined ? 1 : Number(q)] as const;
    }),
  );
  const weightOf = (coding: string) => weights.get(coding) ?? weights.get("*") ?? 0;
  const identity = weights.get("identity") ?? 0;
  let best: Coding | undefined;
  for (const coding of algorithms) {
    const isBetter = best === undefined || weightOf(coding) > weightOf(best);
    if (weightOf(coding) > 0 && weightOf(coding) >= identity && isBetter) best = coding;
  }
  return best;
}

/** Where it is not known how much comes, what has come does not wait for more. */
function encoder(coding: Coding, isOpen: boolean): Transform {
  const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY };
  const zip =
    coding === "br" ? createBrotliCompress({ params }) : createGzip({ level: GZIP_LEVEL });
  let isDue = false;
  const flushSoon = () => {
    if (isDue) return;
    isDue = true;
    setImmediate(() => {
      isDue = false;
      if (!zip.writableEnded && !zip.destroyed) zip.flush();
    });
  };
  const through = new Transform({
    transform(chunk, _encoding, done) {
      zip.write(chunk, (error) => done(error ?? undefined));
      if (isOpen) flushSoon();
    },
    flush(done) {
      zip.once("end", () => done());
      zip.end();
    },
    destroy(error, done) {
      zip.destroy();
      done(error);
    },
  });
  zip.on("data", (bytes: Buffer) => through.push(bytes));
  zip.on("error", (error) => through.destroy(error));
  return through;
}
