import { t } from "../base/schema.ts";
import { type Problem, read } from "../base/schema_reading.ts";
import { BuildError } from "./build_error.ts";

const texts = t.MapOf(t.Unknown());

const schema = t.Object({
  name: t.Optional(t.Unknown()),
  version: t.Optional(t.Unknown()),
  main: t.Optional(t.Unknown()),
  scripts: t.Optional(t.MapOf(t.Unknown())),
  dependencies: t.Optional(texts),
  devDependencies: t.Optional(texts),
  optionalDependencies: t.Optional(texts),
  workspaces: t.Optional(t.Unknown()),
  engines: t.Optional(t.Unknown()),
});

/** What we read of a `package.json`, in which people write all kinds of things. */
export interface PackageJson {
  readonly name?: string;
  readonly version?: string;
  readonly main?: string;
  readonly nodeRange?: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly hasDependencies: boolean;
  readonly hasDevDependencies: boolean;
}

/** Reads a `package.json`. Throws when it cannot be read as one. */
export function readPackageJson(text: string): PackageJson {
  const { value, problems } = read(schema, parsed(text));
  if (problems.length > 0) throw unreadable(problems.map(told).join("; "));
  const { name, version, main, engines, workspaces, scripts = {} } = value;
  const node = Object.entries(engines ?? {}).find(([engine]) => engine === "node")?.[1];
  const words = Object.entries(scripts).flatMap(([event, script]) => {
    return isText(script) && script.trim() !== "" ? [[event, script.trim()] as const] : [];
  });
  const lists = [value.dependencies, value.optionalDependencies];
  return {
    ...(isText(name) && { name }),
    ...(isText(version) && { version }),
    ...(isText(main) && main !== "" && { main }),
    ...(isText(node) && { nodeRange: node }),
    scripts: Object.fromEntries(words),
    hasDependencies: lists.some(hasAny) || workspaces !== undefined,
    hasDevDependencies: hasAny(value.devDependencies),
  };
}

function hasAny(list: Readonly<Record<string, unknown>> | undefined): boolean {
  return Object.keys(list ?? {}).length > 0;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (thrown) {
    throw unreadable(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function told({ path, message }: Problem): string {
  return path === "" ? `it ${message}` : `${path} ${message}`;
}

function unreadable(why: string): BuildError {
  const message = `Step "detect" failed: package.json cannot be read: ${why}`;
  return new BuildError("BuildStepFailed", message);
}
