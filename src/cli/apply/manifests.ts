import { readdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Kind } from "../../api/kind.ts";
import { kindOf } from "../../api/kinds.ts";
import type { Draft, Resource } from "../../api/meta.ts";
import { whyBadName } from "../../api/name.ts";
import { readAllYaml } from "../../base/yaml.ts";
import type { Input } from "../environment.ts";
import { failure, wrongUsage } from "../failure.ts";

/** One object as somebody wrote it down. */
export interface Manifest {
  readonly kind: Kind;
  readonly draft: Draft<Resource> & { readonly metadata: { readonly name: string } };
  /** Where it stands: a file, and the how-manieth object in it. */
  readonly from: string;
}

export interface ReadOptions {
  readonly directory: string;
  readonly input: Input;
}

const FILE = /\.(ya?ml|json)$/;

/** Reads all objects of files, directories and standard input ("-"). Throws `Failure`. */
export async function readManifests(
  places: readonly string[],
  options: ReadOptions,
): Promise<readonly Manifest[]> {
  const found: Manifest[] = [];
  for (const place of places) {
    for (const { path, text } of await textsAt(place, options)) {
      found.push(...manifestsIn(text, path));
    }
  }
  return found;
}

interface Text {
  readonly path: string;
  readonly text: string;
}

async function textsAt(place: string, { directory, input }: ReadOptions): Promise<readonly Text[]> {
  if (place === "-") {
    const chunks: Uint8Array[] = [];
    for await (const chunk of input) chunks.push(Buffer.from(chunk));
    return [{ path: "standard input", text: Buffer.concat(chunks).toString() }];
  }
  const path = resolve(directory, place);
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw failure(`There is no file or directory "${path}"`);
  if (!found.isDirectory()) return [{ path, text: await readFile(path, "utf8") }];
  const names = (await readdir(path)).filter((name) => FILE.test(name)).sort();
  if (names.length === 0) throw failure(`There is no .yaml, .yml or .json file in "${path}"`);
  const paths = names.map((name) => join(path, name));
  return await Promise.all(
    paths.map(async (it) => ({ path: it, text: await readFile(it, "utf8") })),
  );
}

function manifestsIn(text: string, path: string): readonly Manifest[] {
  const documents = parsed(text, path);
  return documents.flatMap(itemsOf).map((value, at) => {
    return manifestOf(value, `${path}${documents.length > 1 ? ` (object ${at + 1})` : ""}`);
  });
}

function parsed(text: string, path: string): readonly unknown[] {
  try {
    return readAllYaml(text);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw failure(`Cannot read ${path}: ${why}`);
  }
}

/** What `kubectl get -o yaml` wrote is a list of objects. */
function itemsOf(value: unknown): readonly unknown[] {
  if (typeof value !== "object" || value === null || !("items" in value)) return [value];
  return Array.isArray(value.items) ? value.items : [value];
}

function manifestOf(value: unknown, from: string): Manifest {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw wrongUsage(`${from} is no object: want apiVersion, kind and metadata`);
  }
  const { apiVersion, kind: word, metadata } = value as Partial<Draft<Resource>>;
  const kind = kindOf({ apiVersion: String(apiVersion), kind: String(word) });
  if (kind === undefined) {
    throw wrongUsage(`${from} is of the kind "${word}" of "${apiVersion}", which there is not`);
  }
  const name: unknown = metadata?.name;
  if (typeof name !== "string" || name === "") {
    throw wrongUsage(`${from} has no metadata.name, by which it could be found again`);
  }
  const why = whyBadName(kind.nameRule, name);
  if (why !== undefined) throw wrongUsage(`${from} is named "${name}": ${why}`);
  return { kind, draft: value as Manifest["draft"], from };
}
