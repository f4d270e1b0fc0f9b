import { libc } from "../../agent/process/libc.ts";
import type { Env } from "../../shared/config/home.ts";
import { selfCommand } from "../../shared/self-command.ts";

/** The runtime reads this only when it starts. */
const NO_TIMER = "BUN_GC_TIMER_DISABLE";

/**
 * The runtime checks every second whether there is memory to collect. A sleeping agent must not wake for that, so the
 * program executes itself again, under the same process id, with that timer off. Memory is still collected as it is
 * used. Returns if this was done before, or cannot be done.
 */
export function withoutCollectionTimer(env: Env): void {
  if (env[NO_TIMER] !== undefined) return;
  libc()?.exec([...selfCommand(), ...Bun.argv.slice(2)], { ...env, [NO_TIMER]: "1" });
}
