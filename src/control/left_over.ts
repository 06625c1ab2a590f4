import { controllerOf, isControlledBy, isGoing, type Resource } from "../api/meta.ts";

/**
 * Whether this is in the place of what `owner` wants to make, and will not be for long: it is going
 * already, or belongs to one that had the owner's name before, and is collected with it.
 */
export function isLeftOver(resource: Resource, owner: Resource): boolean {
  if (isGoing(resource)) return true;
  const former = controllerOf(resource);
  if (former === undefined || isControlledBy(resource, owner)) return false;
  return former.kind === owner.kind && former.name === owner.metadata.name;
}
