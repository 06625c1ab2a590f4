import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Asked, Command, Context, Flag } from "./command.ts";
import { deployService, type Order } from "./deploy/deploy_service.ts";
import { type EnvChange, readEnvFile, readEnvFlag } from "./deploy/env.ts";
import { nameFor } from "./deploy/name.ts";
import { tellOutcome } from "./deploy/outcome.ts";
import { findWhat } from "./deploy/what.ts";
import type { KeyChange, Wish } from "./deploy/wish.ts";
import { type ExitCode, wrongUsage } from "./failure.ts";
import { type Flags, WAITING } from "./flags.ts";
import { Progress } from "./progress.ts";

const SETTINGS: readonly Flag[] = [
  { name: "name", value: "NAME", meaning: "the service (default: after what is deployed)" },
  { name: "revision", value: "REF", meaning: "the branch, tag or commit of a git repository" },
  {
    name: "env",
    value: "NAME=VALUE",
    isMany: true,
    meaning:
      "set a variable; NAME=secret:OBJECT/KEY and NAME=configmap:OBJECT/KEY take it from there, " +
      "NAME- drops it",
  },
  {
    name: "env-file",
    value: "FILE",
    isMany: true,
    meaning: "set the variables of a file of lines NAME=VALUE",
  },
  { name: "port", value: "PORT", meaning: "what it listens on: 8080, or h2c:8080 for gRPC" },
  { name: "concurrency", value: "N", meaning: "requests per instance at once; 0 is any number" },
  {
    name: "timeout-seconds",
    value: "N",
    meaning: "how long a request may take; 600 at most, or as config-defaults says",
  },
  { name: "memory", value: "AMOUNT", meaning: 'limit of an instance, such as 256Mi, or "none"' },
  { name: "cpu", value: "AMOUNT", meaning: 'limit of an instance, such as 500m, or "none"' },
  { name: "min-scale", value: "N", meaning: "instances at least" },
  { name: "max-scale", value: "N", meaning: "instances at most; 0 is any number" },
  {
    name: "annotation",
    value: "KEY=VALUE",
    isMany: true,
    meaning: "annotate service and revision; KEY- drops it",
  },
  {
    name: "label",
    value: "KEY=VALUE",
    isMany: true,
    meaning: "label service and revision; KEY- drops it",
  },
  { name: "revision-name", value: "NAME", meaning: "the name of the new revision" },
  { name: "no-traffic", meaning: "who serves now goes on; the new revision gets no requests" },
  { name: "tag", value: "NAME", meaning: "give the new revision an address of its own" },
  { name: "force", meaning: "make a new revision though nothing has changed" },
];

export const DEPLOY: Command = {
  name: "deploy",
  group: "Deploy",
  summary: "Deploy a directory, a git repository, an archive or an image",
  text:
    "Deploys a directory, a file, a git repository, an archive or an image: makes the service, " +
    "or a new revision of it, and waits until it serves. Of a service that is there, only what " +
    "is said changes. The same again makes no new revision.",
  args: [
    {
      form: "[WHAT]",
      meaning:
        "a path, an address (https://…/app.git#branch:directory, https://…/app.tar.gz), or " +
        "an image (default: this directory)",
    },
  ],
  flags: [...SETTINGS, ...WAITING],
  examples: [
    { line: "deploy", meaning: "Deploy this directory." },
    { line: "deploy ./api --name api --env LEVEL=debug", meaning: "Another one, with a variable." },
    {
      line: "deploy https://github.com/acme/shop.git#main:apps/web",
      meaning: "Deploy a directory of a branch; again, once the branch has moved.",
    },
    { line: "deploy ghcr.io/acme/shop:1.4", meaning: "Deploy an image." },
    {
      line: "deploy --no-traffic --tag next",
      meaning: "Try it at its own address first; then: varve traffic shop @latest=10",
    },
    {
      line: "deploy --env TOKEN=secret:shop/token --env OLD-",
      meaning: "Take a variable from a Secret, and drop another.",
    },
  ],
  run,
};

async function run({ args, flags }: Asked, context: Context): Promise<ExitCode> {
  const { terminal, clock, environment } = context;
  const [text = "."] = args;
  const { directory } = environment;
  const waitMs = flags.waitMs();
  const wish = await readWish(flags, context);
  const what = await findWhat(text, { directory, revision: flags.text("revision") });
  const name = await nameFor(what, flags.text("name"));
  const traffic = { isWithout: flags.has("no-traffic"), tag: flags.text("tag") };
  const order: Order = { what, name, wish, traffic, waitMs };
  const server = await context.connect();
  if (what.type === "image" && what.isGuess) {
    terminal.say(`There is no file or directory "${text}" here: taking it for an image`);
  }
  const progress = new Progress({ terminal, clock });
  try {
    const deployed = await deployService(context, order, { server, progress });
    progress[Symbol.dispose]();
    return await tellOutcome(context, deployed, server);
  } catch (thrown) {
    progress[Symbol.dispose]();
    if (!context.signal.aborted) throw thrown;
    terminal.say(`Interrupted. What the server has by now, it goes on with`);
    terminal.say(`Follow it by: ${context.command(`describe ${name}`)}`);
    return 1;
  }
}

async function readWish(flags: Flags, context: Context): Promise<Wish> {
  return {
    env: [...(await readEnvFiles(flags, context)), ...flags.all("env").map(readEnvFlag)],
    port: readPort(flags.text("port")),
    concurrency: flags.whole("concurrency"),
    timeoutSeconds: flags.whole("timeout-seconds", 1),
    memory: flags.text("memory"),
    cpu: flags.text("cpu"),
    minScale: flags.whole("min-scale"),
    maxScale: flags.whole("max-scale"),
    annotations: flags.all("annotation").map((text) => readKey("annotation", text)),
    labels: flags.all("label").map((text) => readKey("label", text)),
    revisionName: flags.text("revision-name"),
    ...(flags.has("force") && { forcedAt: context.clock.timestamp() }),
  };
}

async function readEnvFiles(flags: Flags, context: Context): Promise<readonly EnvChange[]> {
  const { directory } = context.environment;
  const paths = flags.all("env-file").map((path) => resolve(directory, path));
  const texts = await Promise.all(paths.map((path) => readFile(path, "utf8")));
  return texts.flatMap(readEnvFile);
}

const PORT = /^(?:(h2c|http1):)?(\d{1,5})$/;

function readPort(text: string | undefined): Wish["port"] {
  if (text === undefined) return undefined;
  const [, name, digits] = PORT.exec(text) ?? [];
  const containerPort = Number(digits);
  if (digits !== undefined && containerPort >= 1 && containerPort <= 65535) {
    return { containerPort, ...(name !== undefined && { name }) };
  }
  throw wrongUsage(`--port is "${text}": want a port from 1 to 65535, as 8080 or h2c:8080`);
}

function readKey(flag: string, text: string): KeyChange {
  const at = text.indexOf("=");
  if (at > 0) return { key: text.slice(0, at), value: text.slice(at + 1) };
  if (/^[^=]+-$/.test(text)) return { key: text.slice(0, -1), value: undefined };
  throw wrongUsage(`--${flag} is "${text}": want KEY=VALUE, or KEY- to drop it`);
}
