import type { ConfigMap } from "../api/config_map.ts";
import type { EnvFrom, EnvVar } from "../api/env.ts";
import type { Secret } from "../api/secret.ts";
import type { Lister } from "../client/client.ts";

export interface EnvironmentListers {
  readonly configMaps: Lister<ConfigMap>;
  readonly secrets: Lister<Secret>;
}

export interface Environment {
  readonly variables: Readonly<Record<string, string>>;
  /** What is referred to and is not there, a sentence each. */
  readonly missing: readonly string[];
}

type Strings = Readonly<Record<string, string>>;

/** One key or all keys of a ConfigMap or a Secret: the values, or why there are none. */
interface Found {
  readonly values: Strings | undefined;
  readonly missing?: string;
}

/** What a container says of its environment. */
interface Asking {
  readonly env?: readonly EnvVar[] | undefined;
  readonly envFrom?: readonly EnvFrom[] | undefined;
}

export interface Surroundings extends EnvironmentListers {
  readonly namespace: string | undefined;
  /** What it has in any case; what it asks for counts more. */
  readonly own?: Strings;
}

/** The environment that a container asks for, with what is taken from ConfigMaps and Secrets. */
export function variablesFor(
  container: Asking,
  { namespace, own = {}, ...listers }: Surroundings,
): Environment {
  const look = new Lookup(namespace, listers);
  const variables: Record<string, string> = { ...own };
  const missing: string[] = [];
  for (const source of container.envFrom ?? []) {
    const found = look.all(source);
    if (found.missing !== undefined) missing.push(found.missing);
    const { prefix = "" } = source;
    for (const [key, value] of Object.entries(found.values ?? {}))
      variables[`${prefix}${key}`] = value;
  }
  for (const variable of container.env ?? []) {
    const found = look.one(variable);
    if (found.missing !== undefined) missing.push(found.missing);
    const value = found.values?.["value"];
    if (value !== undefined) variables[variable.name] = expanded(value, variables);
  }
  return { variables, missing };
}

/** `$(NAME)` is the value of a variable named before, `$$(NAME)` is `$(NAME)`, as in Kubernetes. */
export function expanded(text: string, variables: Strings): string {
  return text.replaceAll(/\$\$|\$\(([^()]+)\)/g, (whole, name?: string) => {
    if (name === undefined) return "$";
    return variables[name] ?? whole;
  });
}

class Lookup {
  readonly #namespace: string | undefined;
  readonly #listers: EnvironmentListers;

  constructor(namespace: string | undefined, listers: EnvironmentListers) {
    this.#namespace = namespace;
    this.#listers = listers;
  }

  all({ configMapRef, secretRef }: EnvFrom): Found {
    const { name = "", optional = false } = configMapRef ?? secretRef ?? {};
    const isSecret = secretRef !== undefined;
    const values = isSecret ? this.#secret(name) : this.#configMap(name);
    if (values !== undefined || optional) return { values };
    const kind = isSecret ? "Secret" : "ConfigMap";
    return { values, missing: `${kind} "${name}" not found, and envFrom asks for all of its keys` };
  }

  one({ name: variable, value = "", valueFrom }: EnvVar): Found {
    if (valueFrom === undefined) return { values: { value } };
    const { secretKeyRef, configMapKeyRef } = valueFrom;
    const { name = "", key = "", optional = false } = secretKeyRef ?? configMapKeyRef ?? {};
    const kind = secretKeyRef === undefined ? "ConfigMap" : "Secret";
    const all = kind === "Secret" ? this.#secret(name) : this.#configMap(name);
    const found = all?.[key];
    if (found !== undefined) return { values: { value: found } };
    if (optional) return { values: undefined };
    const what =
      all === undefined ? `${kind} "${name}" not found` : `${kind} "${name}" has no key "${key}"`;
    return { values: undefined, missing: `${what}, and the variable ${variable} is taken from it` };
  }

  #configMap(name: string): Strings | undefined {
    const found = this.#listers.configMaps.get({ namespace: this.#namespace, name });
    if (found === undefined) return undefined;
    return { ...decoded(found.binaryData), ...found.data };
  }

  #secret(name: string): Strings | undefined {
    const found = this.#listers.secrets.get({ namespace: this.#namespace, name });
    return found === undefined ? undefined : decoded(found.data);
  }
}

function decoded(data: Strings = {}): Strings {
  const entries = Object.entries(data);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]),
  );
}
