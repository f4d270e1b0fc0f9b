import { statSync } from "node:fs";
import type { JobType } from "../../shared/manifest.ts";
import type { JobAccount } from "../process/account.ts";
import { accountName } from "../process/account.ts";
import type { DockerFacts } from "./docker.ts";

interface JobsRunAs {
  /** Absent: the agent's own. */
  account?: JobAccount | undefined;
  uid?: number | undefined;
  platform?: NodeJS.Platform;
}

/**
 * One sentence for the owner of a machine on which commands are as good as root, as the account they run under may use an
 * engine that is root; undefined where they are not, or are root anyway.
 */
export function engineHazard(
  docker: DockerFacts | undefined,
  jobTypes: readonly JobType[],
  { account, uid = account?.uid ?? process.getuid?.(), platform = process.platform }: JobsRunAs = {},
): string | undefined {
  // On macOS and Windows the engine has the rights of whoever started it.
  if (!docker || docker.rootless || platform !== "linux" || uid === undefined || uid === 0) return undefined;
  if (!jobTypes.includes("COMMAND")) return undefined;
  if (account && !mayUse(docker.host, account)) return undefined;
  return `Jobs of type COMMAND run as ${account?.name ?? accountName()}, who may use the engine at ${docker.host} and so is as good as root on this machine. To keep such jobs away, put allow: {executors: [DOCKER]} into agent.yaml.`;
}

/** An engine that is not reached by a socket of this machine is open to all who know where it is. */
function mayUse(host: string, { uid, groups }: JobAccount): boolean {
  if (!host.startsWith("unix://")) return true;
  const socket = statSync(host.slice("unix://".length), { throwIfNoEntry: false });
  if (!socket) return false;
  const { mode } = socket;
  if (socket.uid === uid) return (mode & 0o200) !== 0;
  return (mode & (groups.includes(socket.gid) ? 0o020 : 0o002)) !== 0;
}
