import { libc } from "../../agent/process/libc.ts";
import type { Env } from "../../shared/config/home.ts";
import { selfCommand } from "../command/self-command.ts";

/** Read by the runtime when it starts, and then never again. */
const NO_TIMER = "BUN_GC_TIMER_DISABLE";

/**
 * The runtime looks every second whether there is memory to collect. An agent that sleeps must not wake for that, so
 * the program starts once more in its own place, under the same process id, and says so to the runtime; memory is
 * still collected as it is used. Returns where that was done before, or cannot be.
 */
export function withoutCollectionTimer(env: Env): void {
  if (env[NO_TIMER] !== undefined) return;
  libc()?.exec([...selfCommand(), ...Bun.argv.slice(2)], { ...env, [NO_TIMER]: "1" });
}
