import type { JobType } from "../../shared/manifest.ts";
import { accountName } from "../account-name.ts";
import type { DockerFacts } from "./docker.ts";

/**
 * One sentence for the owner of a machine on which commands are as good as root, as the account they run under may use an
 * engine that is root; undefined where they are not, or are root anyway.
 */
export function engineHazard(
  docker: DockerFacts | undefined,
  jobTypes: readonly JobType[],
  { uid = process.getuid?.(), platform = process.platform } = {},
): string | undefined {
  // On macOS and Windows the engine has the rights of whoever started it.
  if (!docker || docker.rootless || platform !== "linux" || uid === undefined || uid === 0) return undefined;
  if (!jobTypes.includes("COMMAND")) return undefined;
  return `Jobs of type COMMAND run as ${accountName()}, who may use the engine at ${docker.host} and so is as good as root on this machine. To keep such jobs away, put allow: {executors: [DOCKER]} into agent.yaml.`;
}
