import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { whyBadName } from "../../api/name.ts";
import { wrongUsage } from "../failure.ts";
import type { What } from "./what.ts";

/** What the service is called: as asked for, or after what is deployed. Throws `Failure`. */
export async function nameFor(what: What, asked: string | undefined): Promise<string> {
  if (asked !== undefined) {
    const why = whyBadName("dns1035", asked);
    if (why === undefined) return asked;
    const like = labelFrom(asked);
    const hints = like === undefined ? [] : [`For example: --name ${like}`];
    throw wrongUsage(`--name is "${asked}": ${why}`, ...hints);
  }
  const words = await wordsFor(what);
  const name = words.map(labelFrom).find((it) => it !== undefined);
  if (name !== undefined) return name;
  throw wrongUsage(`No name can be made of "${words.at(-1)}": give one by --name`);
}

/** What may become the name, the best first. */
async function wordsFor(what: What): Promise<readonly string[]> {
  switch (what.type) {
    case "directory":
      return [...(await packageName(what.path)), basename(what.path)];
    case "file":
      return [basename(what.path).replace(/(?<=.)\.[^.]+$/, "")];
    case "archive":
      return [withoutArchiveEnd(basename(what.path))];
    case "image":
      return [lastPart(what.image.replace(/@.*$/, "").replace(/:[^/:]*$/, ""))];
    case "source": {
      const { url, subPath = "" } = what.source;
      const inside = lastPart(subPath);
      const path = URL.parse(url)?.pathname ?? url.replace(/^.*:/, "");
      return [...(inside === "" ? [] : [inside]), withoutArchiveEnd(lastPart(path))];
    }
  }
}

/** As `package.json` has it, without the scope of its owner. */
async function packageName(directory: string): Promise<readonly string[]> {
  try {
    const about: unknown = JSON.parse(await readFile(join(directory, "package.json"), "utf8"));
    const isNamed = typeof about === "object" && about !== null && "name" in about;
    return isNamed && typeof about.name === "string" ? [lastPart(about.name)] : [];
  } catch {
    // Whether it can be read at all is for the build to say.
    return [];
  }
}

function lastPart(path: string): string {
  return path.replace(/\/+$/, "").replace(/^.*\//s, "");
}

function withoutArchiveEnd(name: string): string {
  return name.replace(/\.(git|tar|tar\.gz|tgz|zip)$/, "");
}

/** The nearest DNS-1035 label, if there is one. */
export function labelFrom(text: string): string | undefined {
  const plain = text
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/\p{M}/gu, "")
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^-+/, "");
  const named = /^[0-9]/.test(plain) ? `app-${plain}` : plain;
  const label = named.slice(0, 63).replace(/-+$/, "");
  return label === "" ? undefined : label;
}
