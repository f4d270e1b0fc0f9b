import { askedOfContainer, type NodeAllow, refusals } from "../../../shared/allow.ts";
import type { Assignment } from "../../../shared/node.ts";
import { StartFailedError } from "./executor.ts";

/**
 * Throws StartFailedError for a job that the owner of the machine does not allow. The server already keeps such jobs away
 * if it knows the rule. The agent checks again, because the rule must hold even if the server does not know it.
 */
export function checkAllowed(allow: NodeAllow, { manifest, userId }: Assignment): void {
  const { type, image, docker } = manifest;
  const container = type === "DOCKER" ? { container: askedOfContainer(image, docker) } : {};
  for (const { detail, field } of refusals(allow, { type, userId, ...container })) {
    throw new StartFailedError(`The owner of this node ${detail}: see allow.${field} in its agent.yaml.`);
  }
}
