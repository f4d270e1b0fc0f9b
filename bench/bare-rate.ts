import { join } from "node:path";

const LIMIT_MS = 60_000;

/**
 * How many processes that do nothing this machine starts and reaps per second: the bound for any program that runs jobs as
 * processes. Measured by a process of its own.
 */
export async function bareRate(): Promise<number> {
  const program = join(import.meta.dirname, "processes", "spawn-rate.ts");
  const child = Bun.spawn([process.execPath, program], { stdout: "pipe", timeout: LIMIT_MS });
  const rate = Number(await new Response(child.stdout).text());
  if (rate > 0) return rate;
  throw new Error(`the bare spawn rate could not be measured: exit code ${await child.exited}`);
}
