import type { Listing } from "./listing.ts";
import type { PackageJson } from "./package_json.ts";

/** One command of a build. */
export interface PlannedStep {
  /** As people know it: "npm ci". */
  readonly name: string;
  readonly command: readonly [string, ...(readonly string[])];
  readonly env?: Readonly<Record<string, string>>;
  /** The app is whole without it. */
  readonly isOptional?: boolean;
}

export interface NodePlan {
  readonly steps: readonly PlannedStep[];
  readonly warnings: readonly string[];
}

type Plannable = Pick<Listing, "entries" | "texts">;

/** Scripts that an installation runs of the app itself. */
const INSTALL_SCRIPTS = ["preinstall", "install", "postinstall", "prepare"];

const UNLOCKED =
  "warning: there is no lockfile, so this build is not reproducible: the same source may get " +
  "other versions of its dependencies tomorrow. Commit package-lock.json, pnpm-lock.yaml or " +
  "yarn.lock";

/**
 * What has to be run to make a Node app ready: nothing for one that needs nothing; or its
 * dependencies by the manager whose lockfile it has; and its build, for which development
 * dependencies come first and go afterwards.
 */
export function planNode(packageJson: PackageJson, listing: Plannable): NodePlan {
  const { scripts, hasDependencies, hasDevDependencies } = packageJson;
  const isBuilt = scripts["build"] !== undefined;
  const hasScripts = INSTALL_SCRIPTS.some((script) => scripts[script] !== undefined);
  const isInstalled = hasDependencies || hasScripts || (hasDevDependencies && isBuilt);
  const manager = managerOf(listing);
  const steps: PlannedStep[] = [];
  if (isInstalled) steps.push(manager.install({ withDev: isBuilt }));
  if (isBuilt) {
    const env = { NODE_ENV: "production" };
    steps.push({ name: `${manager.tool} run build`, command: [manager.tool, "run", "build"], env });
  }
  const hasDev = isInstalled && hasDevDependencies && (isBuilt || manager.isAllOrNothing === true);
  if (hasDev) steps.push(manager.prune);
  const isUnlocked = isInstalled && manager.isUnlocked === true;
  return { steps, warnings: isUnlocked ? [UNLOCKED] : [] };
}

interface Manager {
  readonly tool: "npm" | "pnpm" | "yarn";
  readonly install: (options: { readonly withDev: boolean }) => PlannedStep;
  readonly prune: PlannedStep;
  readonly isUnlocked?: boolean;
  /** It knows no installation without development dependencies. */
  readonly isAllOrNothing?: boolean;
}

function managerOf({ entries, texts }: Plannable): Manager {
  const has = (name: string) => entries.some((entry) => entry.name === name);
  if (has("npm-shrinkwrap.json") || has("package-lock.json")) return npm("ci");
  if (has("pnpm-lock.yaml")) return PNPM;
  const yarnLock = texts.get("yarn.lock");
  // The lockfile of its later versions begins with what it is about itself.
  if (yarnLock?.includes("__metadata:") === true) return YARN;
  if (yarnLock !== undefined || has("yarn.lock")) return YARN_CLASSIC;
  return { ...npm("install"), isUnlocked: true };
}

function npm(verb: "ci" | "install"): Manager {
  return {
    tool: "npm",
    install: ({ withDev }) => ({
      name: `npm ${verb}`,
      command: ["npm", verb, withDev ? "--include=dev" : "--omit=dev"],
    }),
    prune: { name: "npm prune", command: ["npm", "prune", "--omit=dev"] },
  };
}

const PNPM: Manager = {
  tool: "pnpm",
  install: ({ withDev }) => ({
    name: "pnpm install",
    command: ["pnpm", "install", "--frozen-lockfile", withDev ? "--prod=false" : "--prod"],
  }),
  prune: { name: "pnpm prune", command: ["pnpm", "prune", "--prod"] },
};

const YARN_CLASSIC: Manager = {
  tool: "yarn",
  install: ({ withDev }) => ({
    name: "yarn install",
    command: ["yarn", "install", "--frozen-lockfile", `--production=${!withDev}`],
  }),
  prune: {
    name: "yarn install --production",
    command: ["yarn", "install", "--frozen-lockfile", "--production=true", "--ignore-scripts"],
  },
};

const YARN: Manager = {
  tool: "yarn",
  isAllOrNothing: true,
  install: () => ({ name: "yarn install", command: ["yarn", "install", "--immutable"] }),
  prune: {
    name: "yarn workspaces focus",
    command: ["yarn", "workspaces", "focus", "--all", "--production"],
    // Before its version 4 this needs a plug-in.
    isOptional: true,
  },
};

/** What a manager needs to know: shared caches, nothing asked, nothing that names this place. */
export function managerEnvironment(
  tool: string,
  cache: (name: string) => string,
): Readonly<Record<string, string>> {
  if (tool === "pnpm") return pnpmEnvironment(cache);
  if (tool === "yarn") {
    return {
      COREPACK_ENABLE_DOWNLOAD_PROMPT: "0",
      YARN_CACHE_FOLDER: cache("yarn"),
      YARN_ENABLE_TELEMETRY: "0",
      // Plain Node finds the modules only where they are laid out for it.
      YARN_NODE_LINKER: "node-modules",
    };
  }
  return {
    npm_config_cache: cache("npm"),
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_update_notifier: "false",
    npm_config_progress: "false",
  };
}

/** Its settings have two names, by its version. */
function pnpmEnvironment(cache: (name: string) => string): Readonly<Record<string, string>> {
  const settings = {
    store_dir: cache("pnpm"),
    // Links would tie the app to the shared store.
    package_import_method: "copy",
    extend_node_path: "false",
    update_notifier: "false",
  };
  const pairs = Object.entries(settings).flatMap(([name, value]) => [
    [`npm_config_${name}`, value] as const,
    [`pnpm_config_${name}`, value] as const,
  ]);
  return { COREPACK_ENABLE_DOWNLOAD_PROMPT: "0", ...Object.fromEntries(pairs) };
}

/** What managers leave behind that tells the time or the place of the build. */
export const TRACES: readonly string[] = [
  "node_modules/.modules.yaml",
  "node_modules/.pnpm-workspace-state.json",
  "node_modules/.pnpm-workspace-state-v1.json",
  "node_modules/.yarn-integrity",
  ".yarn/install-state.gz",
  ".yarn/build-state.yml",
  ".yarn/unplugged/.cache",
];
