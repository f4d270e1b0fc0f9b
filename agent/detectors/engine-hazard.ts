import { statSync } from "node:fs";
import type { JobType } from "../../shared/job-fields.ts";
import type { JobAccount } from "../process/account.ts";
import { ownAccountName } from "../process/account.ts";
import type { DockerFacts } from "./docker.ts";

interface JobsRunAs {
  /** Absent: the agent's own account. */
  account?: JobAccount | undefined;
  uid?: number | undefined;
  platform?: NodeJS.Platform;
}

/**
 * A warning for the owner if commands are as good as root because their account may use an engine that runs as root.
 * undefined: they are not, or they run as root anyway.
 */
export function engineHazard(
  docker: DockerFacts | undefined,
  jobTypes: readonly JobType[],
  { account, uid = account?.uid ?? process.getuid?.(), platform = process.platform }: JobsRunAs = {},
): string | undefined {
  // On macOS and Windows the engine has the rights of the account that started it.
  if (!docker || docker.rootless || platform !== "linux" || uid === undefined || uid === 0) return undefined;
  if (!jobTypes.includes("COMMAND")) return undefined;
  if (account && !mayUse(docker.host, account)) return undefined;
  return `Jobs of type COMMAND run as ${account?.name ?? ownAccountName()}, which may use the engine at ${docker.host} and so is as good as root on this machine. To refuse such jobs, put allow: {executors: [DOCKER]} into agent.yaml.`;
}

/** An engine that is not reached through a socket of this machine is open to anyone who knows its address. */
function mayUse(host: string, { uid, groups }: JobAccount): boolean {
  if (!host.startsWith("unix://")) return true;
  const socket = statSync(host.slice("unix://".length), { throwIfNoEntry: false });
  if (!socket) return false;
  const { mode } = socket;
  if (socket.uid === uid) return (mode & 0o200) !== 0;
  return (mode & (groups.includes(socket.gid) ? 0o020 : 0o002)) !== 0;
}
