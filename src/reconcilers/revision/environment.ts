import type { Container } from "../../api/container.ts";
import { LABEL } from "../../api/labels.ts";
import type { Revision } from "../../api/revision.ts";
import { type Environment, type EnvironmentListers, variablesFor } from "../environment.ts";

/** The environment of a container of a Revision. */
export function environmentFor(
  revision: Revision,
  container: Container,
  { configMaps, secrets }: EnvironmentListers,
): Environment {
  const { namespace } = revision.metadata;
  return variablesFor(container, { namespace, configMaps, secrets, own: ownVariables(revision) });
}

/** What every instance is told of itself (spec/elafros §5). `PORT` comes from the runtime. */
function ownVariables({ metadata }: Revision): Readonly<Record<string, string>> {
  const { name, labels = {} } = metadata;
  const configuration = labels[LABEL.configuration] ?? "";
  return {
    K_SERVICE: labels[LABEL.service] ?? configuration,
    K_CONFIGURATION: configuration,
    K_REVISION: name,
  };
}
