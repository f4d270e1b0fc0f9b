import { join } from "node:path";
import { codeOf } from "../../shared/code-of.ts";
import { type Env, tanvritHome } from "../../shared/config/home.ts";
import { takeTurn } from "../workspace/turn.ts";

/** Longer than a renewal may take. A process that holds the turn for longer is stopped. */
const TURN_LIMIT_MS = 20_000;
/** The directory cannot be written, so nobody can take turns there. */
const NO_LOCKS = new Set(["EACCES", "EPERM", "EROFS", "ENOSPC"]);

/**
 * Runs `change` while no other process changes this workspace's session. If a turn is impossible, it runs without one: the
 * server forgives two renewals with the same token within a minute.
 */
export async function inSessionTurn<T>(env: Env, workspace: string, change: () => Promise<T>): Promise<T> {
  const release = await turnOf(join(tanvritHome(env), "credentials", `${workspace}.lock`));
  try {
    return await change();
  } finally {
    release?.();
  }
}

async function turnOf(lockPath: string): Promise<(() => void) | undefined> {
  try {
    const turn = await takeTurn(lockPath, TURN_LIMIT_MS);
    return "release" in turn ? turn.release : undefined;
  } catch (error) {
    if (!NO_LOCKS.has(codeOf(error) ?? "")) throw error;
    return undefined;
  }
}
