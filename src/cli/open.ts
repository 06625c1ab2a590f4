import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Asked, Command, Context } from "./command.ts";
import type { Variables } from "./environment.ts";
import { TAG, urlAsked } from "./url.ts";

export const OPEN: Command = {
  name: "open",
  group: "Look",
  summary: "Open a service in a browser",
  args: [{ form: "SERVICE", meaning: "the service" }],
  flags: [TAG],
  examples: [{ line: "open shop", meaning: "Where there is no browser, the address is printed." }],
  run,
};

async function run(asked: Asked, context: Context): Promise<undefined> {
  const { terminal, environment, isJson } = context;
  const url = await urlAsked(asked, context);
  const isOpened = await opened(url, environment.variables);
  if (isJson) await terminal.printJson({ url, isOpened });
  else await terminal.print(url);
  if (!isOpened) terminal.say("There is no browser here to open it with");
}

/** Whether a program took the address. It goes on without us. */
async function opened(url: string, variables: Variables): Promise<boolean> {
  const program = openerOf(variables);
  if (program === undefined) return false;
  const child = spawn(program, [url], { detached: true, stdio: "ignore", env: variables });
  try {
    await once(child, "spawn");
    child.unref();
    return true;
  } catch {
    return false;
  }
}

/** What opens addresses here. Without a screen, there is nothing to open them on. */
function openerOf(variables: Variables): string | undefined {
  if (process.platform === "darwin") return "open";
  const { DISPLAY = "", WAYLAND_DISPLAY = "", BROWSER = "" } = variables;
  if (BROWSER !== "") return BROWSER;
  return DISPLAY === "" && WAYLAND_DISPLAY === "" ? undefined : "xdg-open";
}
