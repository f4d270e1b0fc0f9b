import { chmod, lchown, lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { EngineFacts } from "./engine.ts";

/**
 * Lets the user of a container use the files that were placed in the job's directory. Root may use them anyway. Another user
 * becomes their owner if its number is known and this process may give files away; otherwise everyone gets the owner's
 * rights. Other accounts of the machine cannot reach the files, because the directories above belong to the agent.
 */
export async function openFiles(
  dir: string,
  user: string | undefined,
  { rootless, ownUsers }: Pick<EngineFacts, "rootless" | "ownUsers">,
): Promise<void> {
  const [, uid, gid = uid] = /^(\d+)(?::(\d+))?$/.exec(user ?? "") ?? [];
  const isRoot = user === undefined || /^(?:0|root)?(?::.*)?$/.test(user);
  const isMapped = rootless || ownUsers;
  if (isRoot && !ownUsers) return;
  const owner =
    uid !== undefined && !isMapped && process.getuid?.() === 0
      ? { uid: Number(uid), gid: Number(gid) }
      : undefined;
  await open(dir, owner);
}

async function open(dir: string, owner: { uid: number; gid: number } | undefined): Promise<void> {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (owner) await lchown(path, owner.uid, owner.gid);
    else if (!entry.isSymbolicLink()) {
      const owners = (await lstat(path)).mode & 0o700;
      await chmod(path, owners | (owners >> 3) | (owners >> 6));
    }
    if (entry.isDirectory()) await open(path, owner);
  }
}
