import { posix } from "node:path";
import { isNested, placesOf } from "./build_arguments.ts";
import {
  type BuildSource,
  type BuildSpec,
  type BuildTemplateSpec,
  CANCELLED,
  GCS_TYPES,
  HOME_PATH,
  SOURCE_FORMS,
  type Step,
  sourcesOf,
  TEMPLATE_KINDS,
  type TemplateUse,
  WORKSPACE_PATH,
} from "./build_spec.ts";
import {
  checkMountPath,
  checkStepContainer,
  checkTermination,
  checkVariables,
  cleanPath,
} from "./container_check.ts";
import { readDurationMs } from "./duration.ts";
import { brief } from "./error.ts";
import { whyBadName } from "./name.ts";
import { whyBadGit } from "./source.ts";
import {
  at,
  disallowed,
  invalidValue,
  missing,
  notExactlyOne,
  together,
  type Violation,
  wrong,
} from "./violation.ts";
import type { Volume } from "./volume.ts";
import { checkInside, checkVolume } from "./volume_check.ts";

/** What is wrong with what a Build shall do (spec/elafros §9). */
export function checkBuildSpec(spec: BuildSpec, path = "spec"): readonly Violation[] {
  const { template, steps, volumes = [] } = spec;
  const given = [
    ...(template === undefined ? [] : ["template"]),
    ...(steps === undefined || steps.length === 0 ? [] : ["steps"]),
  ];
  return [
    ...notExactlyOne(path, { given, ways: ["template", "steps"] }),
    ...(template === undefined ? [] : checkUse(template, at(path, "template"))),
    ...checkSources(spec, path),
    ...checkBuildVolumes(volumes, path),
    // A template may bring the volumes that its steps mount.
    ...checkSteps(steps ?? [], path, volumes),
    ...checkTimeout(spec, path),
    ...checkStatus(spec, path),
  ];
}

/** What is wrong with a template: much of it is known only once it has its arguments. */
export function checkTemplateSpec(spec: BuildTemplateSpec, path = "spec"): readonly Violation[] {
  const { parameters = [], steps = [], volumes = [] } = spec;
  const names = parameters.map(({ name }) => name);
  return [
    ...(steps.length === 0 ? [missing(at(path, "steps"))] : []),
    ...steps.flatMap(({ image = "" }, index) => {
      return image === "" ? [missing(at(path, "steps", index, "image"))] : [];
    }),
    ...doubles(steps.map(({ name = "" }) => name)).map((index) =>
      wrong(at(path, "steps", index, "name"), "expected exactly one, got both"),
    ),
    ...doubles(volumes.map(({ name }) => name)).map((index) =>
      wrong(at(path, "volumes", index, "name"), "expected exactly one, got both"),
    ),
    ...doubles(names).map((index) => {
      const details = `DuplicateParamName: "${brief(names[index] ?? "")}" is declared before`;
      return invalidValue(at(path, "parameters", index, "name"), names[index], details);
    }),
    ...parameters.flatMap(({ name }, index) => {
      const field = at(path, "parameters", index, "name");
      if (name === "") return [missing(field)];
      return /[${}]/.test(name) ? [invalidValue(field, name, "a name has no $, { or }")] : [];
    }),
    ...placesOf(spec)
      .filter(({ text }) => isNested(text))
      .map(({ path: place, text }) => {
        const details = "NestedPlaceholder: one inside of another means nothing";
        return invalidValue(at(`${path}.${place}`), text, details);
      }),
  ];
}

function checkUse(use: TemplateUse, path: string): readonly Violation[] {
  const { name = "", kind = "", arguments: given = [], env = [] } = use;
  const names = given.map((it) => it.name);
  const isKind = TEMPLATE_KINDS.some((it) => it === kind) || kind === "";
  return [
    ...(name === "" ? [missing(at(path, "name"))] : []),
    ...(isKind
      ? []
      : [invalidValue(at(path, "kind"), kind, `want ${TEMPLATE_KINDS.join(" or ")}`)]),
    ...doubles(names).map((index) => {
      const details = `DuplicateArgName: "${brief(names[index] ?? "")}" has a value before`;
      return invalidValue(at(path, "arguments", index, "name"), names[index], details);
    }),
    ...names.flatMap((it, index) =>
      it === "" ? [missing(at(path, "arguments", index, "name"))] : [],
    ),
    ...checkVariables(env, path),
  ];
}

function checkSources(spec: BuildSpec, path: string): readonly Violation[] {
  const { source, sources = [] } = spec;
  if (source !== undefined && sources.length > 0) {
    return [wrong(together(["source", "sources"].map((it) => at(path, it))), BOTH)];
  }
  const all = sourcesOf(spec);
  const where = (index: number, ...field: string[]) =>
    source === undefined ? at(path, "sources", index, ...field) : at(path, "source", ...field);
  const having = (field: "subPath" | "name") =>
    all.flatMap((it, index) => ((it[field] ?? "") === "" ? [] : [where(index, field)]));
  const narrow = having("subPath");
  const empty = all.flatMap(({ targetPath = "", custom }, index) =>
    targetPath === "" && custom === undefined ? [where(index, "targetPath")] : [],
  );
  const unnamed = all.length > 1 ? doubles(all.map(({ name = "" }) => name)) : [];
  return [
    ...all.flatMap((one, index) => checkSource(one, where(index))),
    ...unnamed.map((index) => wrong(where(index, "name"), BOTH, "the names of sources differ")),
    ...(narrow.length > 1 ? [wrong(together(narrow), BOTH, "one source may have a subPath")] : []),
    ...(empty.length > 1
      ? [wrong(together(empty), BOTH, "one source may go to the top of the workspace")]
      : []),
    ...checkOverlap(all, where),
  ];
}

const BOTH = "expected exactly one, got both";

type Where = (index: number, ...field: string[]) => string;

/** No source lies within the directory of another. */
function checkOverlap(all: readonly BuildSource[], where: Where): readonly Violation[] {
  const paths = all.map(({ targetPath = "" }) => targetPath && posix.normalize(`${targetPath}/`));
  return paths.flatMap((path, index) => {
    const other = paths.find((it, at) => at !== index && it !== "" && path.startsWith(it));
    if (path === "" || other === undefined) return [];
    const details = `it must not overlap with "${brief(other)}" of another source`;
    return [invalidValue(where(index, "targetPath"), all[index]?.targetPath, details)];
  });
}

function checkSource(source: BuildSource, path: string): readonly Violation[] {
  const { custom, subPath = "", targetPath = "", name = "" } = source;
  const given = SOURCE_FORMS.filter((form) => source[form] !== undefined);
  const why = name === "" ? undefined : whyBadName("label", name);
  return [
    ...notExactlyOne(path, { given, ways: SOURCE_FORMS }),
    ...(why === undefined ? [] : [invalidValue(at(path, "name"), name, why)]),
    ...checkInside(subPath, at(path, "subPath")),
    ...checkInside(targetPath, at(path, "targetPath")),
    ...checkGit(source, at(path, "git")),
    ...checkGcs(source, at(path, "gcs")),
    ...checkUpload(source, at(path, "upload")),
    ...(custom === undefined ? [] : checkCustom(custom, targetPath, path)),
  ];
}

function checkGit({ git }: BuildSource, path: string): readonly Violation[] {
  if (git === undefined) return [];
  const { url = "", revision = "" } = git;
  const absent = Object.entries({ url, revision }).filter(([, value]) => value === "");
  if (absent.length > 0) return absent.map(([field]) => missing(at(path, field)));
  const bad = whyBadGit({ url, revision });
  if (bad === undefined) return [];
  return [invalidValue(at(path, bad.field), { url, revision }[bad.field], bad.why)];
}

const LOCATION = /^(gs|https?):\/\/[^/\s]+\/\S+$/;

function checkGcs({ gcs }: BuildSource, path: string): readonly Violation[] {
  if (gcs === undefined) return [];
  const { location = "", type = "" } = gcs;
  const isType = GCS_TYPES.some((it) => it === type);
  const wantPlace = "want gs://BUCKET/OBJECT, or an address of http or https";
  return [
    ...(location === "" ? [missing(at(path, "location"))] : []),
    ...(location === "" || LOCATION.test(location)
      ? []
      : [invalidValue(at(path, "location"), location, wantPlace)]),
    ...(type === "" ? [missing(at(path, "type"))] : []),
    ...(type === "" || isType
      ? []
      : [invalidValue(at(path, "type"), type, `want ${GCS_TYPES.join(" or ")}`)]),
  ];
}

function checkUpload({ upload }: BuildSource, path: string): readonly Violation[] {
  if (upload === undefined) return [];
  const { digest = "" } = upload;
  if (digest === "") return [missing(at(path, "digest"))];
  if (/^sha256:[0-9a-f]{64}$/.test(digest)) return [];
  return [invalidValue(at(path, "digest"), digest, 'want "sha256:" and 64 hexadecimal digits')];
}

/** It becomes a step of its own, which writes wherever it likes. */
function checkCustom(custom: Step, targetPath: string, path: string): readonly Violation[] {
  const where = at(path, "custom");
  return [
    ...(custom.name === undefined || custom.name === ""
      ? []
      : [disallowed(at(where, "name"), "a custom source has the name of its source")]),
    ...(targetPath === ""
      ? []
      : [disallowed(at(path, "targetPath"), "a custom source writes where it likes")]),
    ...checkStepContainer(custom, where),
    ...checkMounts(custom, where),
    ...checkFile(custom, where, new Map()),
  ];
}

function checkSteps(
  steps: readonly Step[],
  path: string,
  volumes: readonly Volume[],
): readonly Violation[] {
  const known = new Map(volumes.map((volume) => [volume.name, volume]));
  const names = steps.map(({ name = "" }) => name);
  return [
    ...steps.flatMap((step, index) => {
      const where = at(path, "steps", index);
      const { name = "", volumeMounts = [] } = step;
      const why = name === "" ? undefined : whyBadName("label", `build-step-${name}`);
      return [
        ...(why === undefined ? [] : [invalidValue(at(where, "name"), name, why)]),
        ...checkStepContainer(step, where),
        ...checkMounts(step, where),
        ...checkFile(step, where, known),
        ...volumeMounts.flatMap((mount, at_) => {
          if (known.has(mount.name)) return [];
          const details = `there is no volume "${brief(mount.name)}"`;
          const field = at(where, "volumeMounts", at_, "name");
          return [wrong(field, "volumeMount has no matching volume", details)];
        }),
      ];
    }),
    ...doubles(names).map((index) => wrong(at(path, "steps", index, "name"), BOTH)),
  ];
}

/** The file in which it may say how it ended has to have a place beside what all steps have. */
function checkFile(
  step: Step,
  path: string,
  volumes: ReadonlyMap<string, Volume>,
): readonly Violation[] {
  const own = [WORKSPACE_PATH, HOME_PATH].map((mountPath) => ({
    name: posix.basename(mountPath),
    mountPath,
  }));
  const { volumeMounts = [] } = step;
  return checkTermination({ ...step, volumeMounts: [...own, ...volumeMounts] }, { path, volumes });
}

function checkMounts({ volumeMounts = [] }: Step, path: string): readonly Violation[] {
  const paths = volumeMounts.map(({ mountPath }) => cleanPath(mountPath));
  return [
    ...volumeMounts.flatMap(({ mountPath, subPath = "" }, index) => {
      const where = at(path, "volumeMounts", index);
      return [
        ...checkMountPath(mountPath, at(where, "mountPath")),
        ...checkInside(subPath, at(where, "subPath")),
      ];
    }),
    ...doubles(paths).map((index) => {
      const double = `"${brief(paths[index] ?? "")}" must be unique`;
      return invalidValue(at(path, "volumeMounts", index, "mountPath"), double);
    }),
  ];
}

function checkBuildVolumes(volumes: readonly Volume[], path: string): readonly Violation[] {
  const names = volumes.map(({ name }) => name);
  const tokens = volumes.flatMap(({ projected }, index) => {
    const sources = projected?.sources ?? [];
    return sources.flatMap(({ serviceAccountToken }, at_) =>
      serviceAccountToken === undefined
        ? []
        : [at(path, "volumes", index, "projected", "sources", at_, "serviceAccountToken")],
    );
  });
  return [
    ...volumes.flatMap((volume, index) => checkVolume(volume, at(path, "volumes", index))),
    ...doubles(names).map((index) => wrong(at(path, "volumes", index, "name"), BOTH)),
    ...tokens.map((field) => disallowed(field, "builds have no tokens; mount a Secret instead")),
  ];
}

const HOURS_MAX = 24;

/** In the words of Knative. */
function checkTimeout({ timeout }: BuildSpec, path: string): readonly Violation[] {
  if (timeout === undefined) return [];
  const field = at(path, "timeout");
  const ms = readDurationMs(timeout);
  if (ms === undefined) return [invalidValue(field, timeout, 'want a duration, such as "10m"')];
  if (ms > HOURS_MAX * 3_600_000) {
    return [invalidValue(field, `${timeout} should be < ${HOURS_MAX}h`)];
  }
  return ms < 0 ? [invalidValue(field, `${timeout} should be > 0`)] : [];
}

function checkStatus({ Status: status = "" }: BuildSpec, path: string): readonly Violation[] {
  if (status === "" || status === CANCELLED) return [];
  return [invalidValue(at(path, "Status"), status, `want ${CANCELLED}, or nothing`)];
}

/** The places of what stands in a list before; what is empty is no double. */
function doubles(names: readonly string[]): readonly number[] {
  const seen = new Set<string>();
  return names.flatMap((name, index) => {
    const isDouble = name !== "" && seen.has(name);
    seen.add(name);
    return isDouble ? [index] : [];
  });
}
