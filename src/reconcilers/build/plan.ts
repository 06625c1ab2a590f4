import type { Build } from "../../api/build.ts";
import { instantiate, unsatisfied } from "../../api/build_arguments.ts";
import { checkBuildSpec } from "../../api/build_check.ts";
import { type BuildSource, type BuildSpec, type Step, sourcesOf } from "../../api/build_spec.ts";
import type { BuildTemplate } from "../../api/build_template.ts";
import { readDurationMs } from "../../api/duration.ts";
import type { Secret } from "../../api/secret.ts";
import { DEFAULT_ACCOUNT, type ServiceAccount } from "../../api/service_account.ts";
import { addressOf } from "../../api/source.ts";
import type { PlannedContainer, PlanPart, StepSource, StepsPlan } from "../../build/build.ts";
import type { Lister } from "../../client/client.ts";
import type { Digest } from "../../oci/oci.ts";
import { limitsOf, mountsOf, securityOf, userOf } from "../container_parts.ts";
import { type EnvironmentListers, variablesFor } from "../environment.ts";
import { credentialsFor, hostOf, isSame, type Puller } from "../pull_secrets.ts";
import { volumesFor } from "../volumes.ts";
import { loginsOf } from "./logins.ts";

export interface PlanListers extends EnvironmentListers {
  readonly templates: Lister<BuildTemplate>;
  readonly clusterTemplates: Lister<BuildTemplate>;
  readonly accounts: Lister<ServiceAccount>;
  readonly secrets: Lister<Secret>;
}

/** What is to be done, or why that cannot be said, a sentence each. */
export type Planned = { readonly plan: StepsPlan } | { readonly problems: readonly string[] };

const TIMEOUT_MS = 600_000;

/** What a Build asks for, with its template, account, ConfigMaps and Secrets as they are now. */
export function planOf(build: Build, listers: PlanListers): Planned {
  const filled = specOf(build, listers);
  if ("problems" in filled) return filled;
  const { spec } = filled;
  const { namespace } = build.metadata;
  const accountName = spec.serviceAccountName ?? DEFAULT_ACCOUNT;
  const account = listers.accounts.get({ namespace, name: accountName });
  const { logins, problems } = loginsOf(build, account, listers.secrets);
  const isLost = account === undefined && accountName !== DEFAULT_ACCOUNT;
  const { volumes, missing } = volumesFor({ metadata: build.metadata, spec }, listers);
  const lacking = new Set<string>();
  const { imagePullSecrets } = account ?? {};
  const puller = { namespace, imagePullSecrets };
  const contain = (step: Step) => containerOf(step, { puller, listers, lacking, logins });
  const parts = [
    ...sourcesOf(spec).map((source, index) => sourcePart(source, index, contain)),
    ...(spec.steps ?? []).map((step, index): PlanPart => {
      const { name = "" } = step;
      const container = `build-step-${name === "" ? `unnamed-${index}` : name}`;
      return { type: "step", container, step: contain(step) };
    }),
  ];
  const all = [
    ...(isLost ? [`ServiceAccount "${accountName}" not found`] : []),
    ...problems,
    ...missing,
    ...lacking,
  ];
  if (all.length > 0) return { problems: all };
  const subPath = subPathOf(spec);
  return {
    plan: {
      ...{ parts, logins },
      // What is in memory is a container's own, and these are for all steps.
      volumes: volumes.map(({ name, files }) => ({ name, ...(files !== undefined && { files }) })),
      ...(subPath !== undefined && { subPath }),
      timeLimitMs: readDurationMs(spec.timeout ?? "") ?? TIMEOUT_MS,
    },
  };
}

type Filled = { readonly spec: BuildSpec } | { readonly problems: readonly string[] };

/** What it would say if it used no template. */
function specOf({ metadata, spec }: Build, { templates, clusterTemplates }: PlanListers): Filled {
  const { template: use } = spec;
  if (use === undefined) return { spec };
  const { name = "", kind = "BuildTemplate" } = use;
  const isOfAll = kind === "ClusterBuildTemplate";
  const { namespace } = metadata;
  const found = isOfAll ? clusterTemplates.get({ name }) : templates.get({ namespace, name });
  if (found === undefined) return { problems: [`${kind} "${name}" not found`] };
  const open = unsatisfied(found.spec, use);
  if (open.length > 0) {
    const names = open.map((it) => `"${it}"`).join(", ");
    const what = `${kind} "${name}" wants a value for ${names}, which has no default`;
    return { problems: [`UnsatisfiedParameter: ${what}`] };
  }
  const whole = instantiate(spec, found.spec);
  const problems = checkBuildSpec(whole).map(({ message, field, details }) => {
    const more = details === undefined ? "" : ` (${details})`;
    return `with ${kind} "${name}": ${message}: ${field}${more}`;
  });
  return problems.length > 0 ? { problems } : { spec: whole };
}

function sourcePart(
  source: BuildSource,
  index: number,
  contain: (step: Step) => PlannedContainer,
): PlanPart {
  const { name = "", custom, git, gcs, targetPath = "" } = source;
  if (custom !== undefined) {
    const container = `build-step-custom-source${name === "" ? "" : `-${name}`}`;
    return { type: "custom", container, step: contain(custom) };
  }
  const form = git !== undefined ? "git" : gcs !== undefined ? "gcs" : "upload";
  const container = `build-step-${form}-source-${name === "" ? index : name}`;
  return { type: "source", container, source: { from: fromOf(source), targetPath } };
}

function fromOf({ git, gcs, upload }: BuildSource): StepSource["from"] {
  if (git !== undefined) {
    const { url = "", revision } = git;
    return { type: "git", url, ...(revision !== undefined && { revision }) };
  }
  if (gcs !== undefined) {
    const url = addressOf(gcs.location ?? "");
    return { type: gcs.type === "Manifest" ? "manifest" : "archive", url };
  }
  return { type: "upload", digest: (upload?.digest ?? "") as Digest };
}

/** The part of the workspace that is the whole for steps: that of the source that has one. */
function subPathOf(spec: BuildSpec): string | undefined {
  const narrow = sourcesOf(spec).find(({ subPath = "" }) => subPath !== "");
  if (narrow === undefined) return undefined;
  const { targetPath = "", subPath = "" } = narrow;
  return targetPath === "" ? subPath : `${targetPath}/${subPath}`;
}

interface Containing {
  readonly puller: Puller;
  readonly listers: PlanListers;
  readonly logins: StepsPlan["logins"];
  /** Takes what is referred to and is not there. */
  readonly lacking: Set<string>;
}

function containerOf(step: Step, { puller, listers, logins, lacking }: Containing) {
  const { image = "", command, args, workingDir, terminationMessagePath } = step;
  const { configMaps, secrets } = listers;
  const { namespace } = puller;
  const { variables, missing } = variablesFor(step, { namespace, configMaps, secrets });
  for (const sentence of missing) lacking.add(sentence);
  const host = hostOf(image);
  const login = logins.docker.find(({ registry }) => isSame(registry, host));
  const credentials = credentialsFor(image, puller, secrets) ?? login;
  const { username = "", password = "" } = credentials ?? {};
  return {
    image,
    ...(credentials !== undefined && { credentials: { username, password } }),
    ...(command !== undefined && { command }),
    ...(args !== undefined && { args }),
    ...(workingDir !== undefined && workingDir !== "" && { workingDir }),
    ...(terminationMessagePath !== undefined && { terminationMessagePath }),
    env: variables,
    mounts: mountsOf(step),
    limits: limitsOf(step),
    ...userOf(step),
    ...securityOf(step),
  } satisfies PlannedContainer;
}
