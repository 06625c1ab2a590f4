import assert from "node:assert/strict";
import { test } from "node:test";
import { planNode } from "./node_plan.ts";
import { readPackageJson } from "./package_json.ts";

const BUILD = { scripts: { build: "make" } };
const DEPENDENCIES = { dependencies: { a: "1" } };
const DEV = { devDependencies: { b: "1" } };

for (const { title, json, locks = ["package-lock.json"], yarnLock, steps, isWarned = false } of [
  { title: "needs nothing", json: {}, steps: [] },
  { title: "has development dependencies alone", json: DEV, steps: [] },
  { title: "is built of nothing", json: BUILD, steps: ["npm run build"] },
  { title: "has dependencies", json: DEPENDENCIES, steps: ["npm ci --omit=dev"] },
  { title: "has workspaces", json: { workspaces: ["a"] }, steps: ["npm ci --omit=dev"] },
  {
    title: "has a script of its own to install",
    json: { scripts: { postinstall: "make" } },
    steps: ["npm ci --omit=dev"],
  },
  {
    title: "is built by development dependencies",
    json: { ...BUILD, ...DEPENDENCIES, ...DEV },
    steps: ["npm ci --include=dev", "npm run build", "npm prune --omit=dev"],
  },
  {
    title: "is built, and has none for development",
    json: { ...BUILD, ...DEPENDENCIES },
    locks: ["npm-shrinkwrap.json"],
    steps: ["npm ci --include=dev", "npm run build"],
  },
  {
    title: "has no lockfile",
    json: DEPENDENCIES,
    locks: [],
    steps: ["npm install --omit=dev"],
    isWarned: true,
  },
  { title: "has no lockfile and needs none", json: BUILD, locks: [], steps: ["npm run build"] },
  {
    title: "has pnpm's lockfile",
    json: { ...BUILD, ...DEV },
    locks: ["pnpm-lock.yaml"],
    steps: ["pnpm install --frozen-lockfile --prod=false", "pnpm run build", "pnpm prune --prod"],
  },
  {
    title: "has the lockfile of the old yarn",
    json: { ...BUILD, ...DEV },
    yarnLock: "# yarn lockfile v1\n",
    locks: ["yarn.lock"],
    steps: [
      "yarn install --frozen-lockfile --production=false",
      "yarn run build",
      "yarn install --frozen-lockfile --production=true --ignore-scripts",
    ],
  },
  {
    title: "has the lockfile of the new yarn",
    json: { ...DEPENDENCIES, ...DEV },
    yarnLock: "__metadata:\n  version: 8\n",
    locks: ["yarn.lock"],
    steps: ["yarn install --immutable", "yarn workspaces focus --all --production"],
  },
]) {
  test(`an app that ${title} takes: ${steps.join(", ") || "nothing"}`, () => {
    const entries = locks.map((name) => ({ name, type: "file" as const, isExecutable: false }));
    const texts = new Map(yarnLock === undefined ? [] : [["yarn.lock", yarnLock]]);
    const plan = planNode(readPackageJson(JSON.stringify(json)), { entries, texts });
    assert.deepEqual(
      plan.steps.map(({ command }) => command.join(" ")),
      steps,
    );
    assert.equal(plan.warnings.length, isWarned ? 1 : 0);
  });
}

test("a package.json is read for what it says, and may say odd things besides", () => {
  const odd = { name: 5, engines: ["node"], scripts: { start: ["a"], build: " make " }, main: "" };
  assert.deepEqual(readPackageJson(JSON.stringify(odd)), {
    scripts: { build: "make" },
    hasDependencies: false,
    hasDevDependencies: false,
  });
  assert.equal(readPackageJson('\uFEFF{"engines":{"node":">=20"}}').nodeRange, ">=20");
  assert.throws(() => readPackageJson("[]"), { reason: "BuildStepFailed" });
});
