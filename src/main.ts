#!/usr/bin/env node
import { loadQuickly } from "./base/loading.ts";

loadQuickly(process.env);
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
