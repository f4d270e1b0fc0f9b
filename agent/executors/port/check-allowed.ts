import { askedOfContainer, type NodeAllow, refusals } from "../../../shared/allow.ts";
import type { Assignment } from "../../../shared/node.ts";
import { StartFailedError } from "./executor.ts";

/**
 * Throws StartFailedError for a job that the machine's owner does not allow. The server keeps such jobs away, as far as
 * it knows of the rule; the owner's word counts without it.
 */
export function checkAllowed(allow: NodeAllow, { manifest, userId }: Assignment): void {
  const { type, image, docker } = manifest;
  const container = type === "DOCKER" ? { container: askedOfContainer(image, docker) } : {};
  for (const { detail, field } of refusals(allow, { type, userId, ...container })) {
    throw new StartFailedError(`The owner of this node ${detail}: see allow.${field} in its agent.yaml.`);
  }
}
