#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { join } from "node:path";

// Compiled code is kept between starts, ours and those of what we start: it saves the time and the
// memory of stripping types. Where nobody else may write, for it is run as it is.
const { HOME, XDG_CACHE_HOME = HOME && join(HOME, ".cache") } = process.env;
if (XDG_CACHE_HOME) process.env["NODE_COMPILE_CACHE"] ??= join(XDG_CACHE_HOME, "varve");
enableCompileCache();
const [, program = "", word, ...rest] = process.argv;
if (word === "serve") {
  const { serve } = await import("./platform/serve.ts");
  process.exitCode = await serve(rest, program);
} else if (word === "restore") {
  const { restore } = await import("./platform/restore.ts");
  process.exitCode = await restore(rest, program);
} else {
  const { run } = await import("./cli/program.ts");
  process.exitCode = await run(process.argv.slice(2));
}
