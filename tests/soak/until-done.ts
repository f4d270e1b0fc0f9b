import type { AnyServer } from "./any-server.ts";

const LOOK_EVERY_MS = 200;
/** A primary that was just elected may show for a moment what it knew before: once is not enough. */
const EMPTY_LOOKS = 5;

/** Waits until no job waits or runs any more. Resolves with one that still does after `timeoutMs`. */
export async function untilDone(
  timeoutMs: number,
  server: AnyServer,
  signal: AbortSignal,
): Promise<{ jobId: string; status: string } | undefined> {
  const deadlineMs = performance.now() + timeoutMs;
  const unfinished = () => ({
    status: ["QUEUED" as const, "ASSIGNED" as const, "RUNNING" as const],
    limit: 1,
  });
  for (let emptyLooks = 0; ; ) {
    const [job] = (await server.call("jobs.list", unfinished, signal)).jobs;
    emptyLooks = job ? 0 : emptyLooks + 1;
    if (emptyLooks === EMPTY_LOOKS) return undefined;
    if (job && performance.now() >= deadlineMs) return job;
    await Bun.sleep(LOOK_EVERY_MS);
  }
}
