import { createHash } from "node:crypto";
import { cp, mkdir, readFile, realpath, rename, writeFile } from "node:fs/promises";
import { findPackageJSON } from "node:module";
import { basename, dirname, join } from "node:path";
import { packDirectory } from "../base/pack.ts";

/** The library that serves the files; it goes into the image, with all that it needs. */
const LIBRARY = "sirv";
const SERVER = join(import.meta.dirname, "static_server.mjs");
const LEFT_OUT = /\.(d\.ts|d\.mts|md|map)$/;

/** How an image of a static site is started. */
export const STATIC_ENTRYPOINT: readonly string[] = ["node", "server.mjs"];

/** Makes the directory `app` of a site: its files, and a small server for them. */
export async function makeStaticApp(site: string, app: string): Promise<void> {
  await mkdir(app);
  await rename(await realpath(site), join(app, "site"));
  const hash = createHash("sha256");
  for await (const chunk of packDirectory(join(app, "site"))) hash.update(chunk);
  await writeFile(join(app, "version"), hash.digest("base64url").slice(0, 22));
  await cp(SERVER, join(app, "server.mjs"));
  await copyPackage(LIBRARY, import.meta.url, join(app, "node_modules"));
}

/** Copies a package and what it depends on, found as Node finds it from `base`. */
async function copyPackage(name: string, base: string, modules: string): Promise<void> {
  const found = findPackageJSON(name, base);
  if (found === undefined) throw new Error(`the package "${name}" is not installed`);
  await cp(dirname(found), join(modules, name), {
    recursive: true,
    filter: (path) => !LEFT_OUT.test(path) && basename(path) !== "node_modules",
  });
  const { dependencies = {} } = JSON.parse(await readFile(found, "utf8")) as {
    readonly dependencies?: Readonly<Record<string, string>>;
  };
  for (const each of Object.keys(dependencies)) await copyPackage(each, found, modules);
}
