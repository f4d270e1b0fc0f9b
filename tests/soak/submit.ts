import type { EndpointInput } from "../../shared/endpoints/index.ts";
import { ComputeError } from "../../shared/errors.ts";
import { pause } from "../../shared/wait.ts";
import type { PlannedSubmit } from "./agenda.ts";
import type { AnyServer } from "./any-server.ts";
import { commandOf } from "./simulated-job.ts";
import type { Witness } from "./witness.ts";

export interface Submitter {
  /** A client of the servers, for one call; of two calls at the same time, each begins at another server. */
  server(index: number): AnyServer;
  pool: string;
  witness: Witness;
}

/**
 * Makes one planned call, and the cancel that may follow it. Resolves when both are answered.
 * @param before the job of an earlier call, after which a job may come.
 */
export async function submit(
  planned: PlannedSubmit,
  by: Submitter,
  before: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const calls = planned.isTwice ? [0, 1] : [0];
  const key = crypto.randomUUID();
  const after = planned.isAfter ? before : undefined;
  const answers = await Promise.all(
    calls.map((call) => submitOnce(planned, by, { server: by.server(call), key, after }, signal)),
  );
  const [ids = []] = answers;
  const { witness } = by;
  for (const others of answers) {
    if (others.join() !== ids.join())
      witness.faults.push(`the idempotency key ${key} made ${ids.join()} and also ${others.join()}`);
  }
  const { job, maxRetries, what, count, atOnce, group } = planned;
  const array = what === "array" ? { size: count, atOnce } : undefined;
  for (const jobId of ids) witness.jobs.set(jobId, { job, maxRetries, array, group, after });
  const [first] = ids;
  if (planned.cancelAfterMs === undefined || first === undefined) return;
  await pause(planned.cancelAfterMs, signal);
  await cancel(first, by, signal);
}

async function submitOnce(
  { what, count, atOnce, job, maxRetries, group }: PlannedSubmit,
  { pool }: Submitter,
  { server, key, after }: { server: AnyServer; key: string; after: string | undefined },
  signal: AbortSignal,
): Promise<string[]> {
  const manifest: EndpointInput<"jobs.submit"> = {
    command: commandOf(job),
    maxRetries,
    pool,
    concurrency: group && { group: group.name, limit: group.limit },
    after: after === undefined ? undefined : [{ jobId: after }],
  };
  if (what === "batch") {
    const jobs = Array.from({ length: count }, () => manifest);
    const answer = await server.call("jobs.submit-batch", () => ({ jobs }), signal, key);
    return answer.jobs.map(({ jobId }) => jobId);
  }
  const array = what === "array" ? { array: `1-${count}${atOnce === undefined ? "" : `%${atOnce}`}` } : {};
  const answer = await server.call("jobs.submit", () => ({ ...manifest, ...array }), signal, key);
  return [answer.jobId];
}

async function cancel(jobId: string, { server, witness }: Submitter, signal: AbortSignal): Promise<void> {
  const asked = witness.jobs.get(jobId);
  if (!asked) return;
  asked.isCancelSent = true;
  try {
    await server(0).call("jobs.cancel", () => ({ jobId }), signal);
    asked.cancelledAtMs = Date.now();
  } catch (error) {
    // It has ended before that.
    if (!(error instanceof ComputeError && error.code === "conflict")) throw error;
  }
}
