import type {
  BuildParameter,
  BuildSpec,
  BuildTemplateSpec,
  Step,
  TemplateUse,
} from "./build_spec.ts";
import type { EnvVar } from "./env.ts";
import type { Volume } from "./volume.ts";

type Values = ReadonlyMap<string, string>;

/** `${A${B}}`: one placeholder inside of another, which nobody could read. */
const NESTED = /\$\{[^}]*\$\{/;

/** The texts of a template in which `${NAME}` stands for a parameter, by where they stand. */
export function placesOf({ steps = [], volumes = [] }: BuildTemplateSpec) {
  const places: { readonly path: string; readonly text: string }[] = [];
  const note = (path: string) => (text: string) => {
    places.push({ path, text });
    return text;
  };
  for (const [index, step] of steps.entries()) mapStep(step, note(`steps[${index}]`));
  for (const [index, volume] of volumes.entries()) mapVolume(volume, note(`volumes[${index}]`));
  return places;
}

export function isNested(text: string): boolean {
  return NESTED.test(text);
}

/** Parameters that a use of the template gives no value, and that have none of their own. */
export function unsatisfied(
  { parameters = [] }: BuildTemplateSpec,
  { arguments: given = [] }: TemplateUse,
): readonly string[] {
  const names = new Set(given.map(({ name }) => name));
  return parameters
    .filter(({ name, default: otherwise }) => otherwise === undefined && !names.has(name))
    .map(({ name }) => name);
}

/**
 * What a Build of a template does: the template's steps with the arguments in their places, and
 * the volumes of both. The environment of the use counts more than that of a step.
 */
export function instantiate(spec: BuildSpec, template: BuildTemplateSpec): BuildSpec {
  const { template: use, volumes: own = [], ...rest } = spec;
  const values = valuesOf(template.parameters ?? [], use?.arguments ?? []);
  const fill = (text: string) => filled(text, values);
  const steps = (template.steps ?? []).map((step) => {
    const { env = [], ...filledStep } = mapStep(step, fill);
    const all = overridden(env, use?.env ?? []);
    return { ...filledStep, ...(all.length > 0 && { env: all }) };
  });
  const volumes = [...own, ...(template.volumes ?? []).map((volume) => mapVolume(volume, fill))];
  return { ...rest, steps, ...(volumes.length > 0 && { volumes }) };
}

function valuesOf(
  parameters: readonly BuildParameter[],
  given: NonNullable<TemplateUse["arguments"]>,
): Values {
  const values = new Map<string, string>();
  for (const { name, default: otherwise } of parameters) {
    const value = given.find((it) => it.name === name)?.value ?? otherwise;
    if (value !== undefined) values.set(name, value);
  }
  return values;
}

/** In one pass, so that what a value says is never taken for a placeholder itself. */
function filled(text: string, values: Values): string {
  return text.replaceAll(/\$\{([^{}]*)\}/g, (whole, name: string) => values.get(name) ?? whole);
}

function overridden(env: readonly EnvVar[], by: readonly EnvVar[]): readonly EnvVar[] {
  const names = new Set(by.map(({ name }) => name));
  return [...env.filter(({ name }) => !names.has(name)), ...by];
}

type Fill = (text: string) => string;

function mapStep(step: Step, fill: Fill): Step {
  const { name, image, command, args, workingDir, env, volumeMounts } = step;
  const { terminationMessagePath: file } = step;
  return {
    ...step,
    ...(name !== undefined && { name: fill(name) }),
    ...(image !== undefined && { image: fill(image) }),
    ...(command !== undefined && { command: command.map(fill) }),
    ...(args !== undefined && { args: args.map(fill) }),
    ...(workingDir !== undefined && { workingDir: fill(workingDir) }),
    ...(file !== undefined && { terminationMessagePath: fill(file) }),
    ...(env !== undefined && { env: env.map((one) => mapVariable(one, fill)) }),
    ...(volumeMounts !== undefined && {
      volumeMounts: volumeMounts.map((mount) => ({
        ...mount,
        name: fill(mount.name),
        mountPath: fill(mount.mountPath),
        ...(mount.subPath !== undefined && { subPath: fill(mount.subPath) }),
      })),
    }),
  };
}

function mapVariable(one: EnvVar, fill: Fill): EnvVar {
  const { value, valueFrom } = one;
  if (value !== undefined) return { ...one, value: fill(value) };
  if (valueFrom === undefined) return one;
  const { configMapKeyRef: map, secretKeyRef: secret } = valueFrom;
  return {
    ...one,
    valueFrom: {
      ...(map !== undefined && { configMapKeyRef: named(map, fill) }),
      ...(secret !== undefined && { secretKeyRef: named(secret, fill) }),
    },
  };
}

function mapVolume(volume: Volume, fill: Fill): Volume {
  const { name, configMap, secret } = volume;
  const { secretName } = secret ?? {};
  return {
    ...volume,
    name: fill(name),
    ...(configMap !== undefined && { configMap: named(configMap, fill) }),
    ...(secret !== undefined &&
      secretName !== undefined && { secret: { ...secret, secretName: fill(secretName) } }),
  };
}

function named<T extends { readonly name?: string }>(ref: T, fill: Fill): T {
  return ref.name === undefined ? ref : { ...ref, name: fill(ref.name) };
}
