import type { ComputeClient } from "../../sdk/client.ts";
import type { Execution } from "../../shared/execution.ts";
import type { SimulatedAgent } from "./simulated-agent.ts";

const PAGE = 500;
const LOGS_LOOKED_AT = 500;

export interface Verdict {
  jobs: number;
  succeeded: number;
  executions: number;
  /** Executions that were assigned but never started, because a response or a server was lost. */
  released: number;
  /** The rules that were broken: one sentence each. */
  faults: string[];
}

/** Compares the final state of the servers with the submitted jobs and the answers that the agents got. */
export async function judge(
  client: ComputeClient,
  submitted: ReadonlySet<string>,
  agents: readonly SimulatedAgent[],
): Promise<Verdict> {
  const faults: string[] = [];
  const jobs = await allPages((cursor) =>
    client
      .call("jobs.list", { limit: PAGE, cursor })
      .then((page) => ({ rows: page.jobs, next: page.nextCursor })),
  );
  const stored = new Map(jobs.map((job) => [job.jobId, job]));
  for (const jobId of submitted) {
    const job = stored.get(jobId);
    if (job?.status !== "SUCCESS") faults.push(`${jobId} was acknowledged and is ${job?.status ?? "lost"}`);
  }
  if (stored.size !== submitted.size)
    faults.push(`${submitted.size} jobs were submitted, ${stored.size} are stored`);
  const executions = await allPages<Execution>((cursor) =>
    client
      .call("executions.list", { limit: PAGE, cursor })
      .then((page) => ({ rows: page.executions, next: page.nextCursor })),
  );
  const results = Map.groupBy(
    executions.filter((one) => one.status === "SUCCEEDED"),
    (one) => one.jobId,
  );
  for (const jobId of stored.keys()) {
    const count = results.get(jobId)?.length ?? 0;
    if (count !== 1) faults.push(`${jobId} has ${count} results`);
    const applied = agents.reduce((sum, agent) => sum + (agent.applied.get(jobId) ?? 0), 0);
    if (applied > 1) faults.push(`${applied} results of ${jobId} were answered as applied`);
  }
  for (const jobId of [...submitted].slice(0, LOGS_LOOKED_AT)) {
    const lines = await storedLines(client, jobId);
    const last = lines.at(-1);
    if (last !== jobId) faults.push(`the log of ${jobId} ends with ${JSON.stringify(last)}`);
  }
  const released = executions.filter((one) => one.status === "CANCELLED").length;
  return { jobs: stored.size, succeeded: results.size, executions: executions.length, released, faults };
}

async function storedLines(client: ComputeClient, jobId: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const event of client.stream("jobs.logs", { jobId, follow: "false" })) {
    if (event.event === "log") lines.push((event.data as { text: string }).text);
  }
  return lines;
}

async function allPages<Row>(
  read: (cursor: string | undefined) => Promise<{ rows: Row[]; next: string | undefined }>,
): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    rows.push(...page.rows);
    cursor = page.next;
  } while (cursor !== undefined);
  return rows;
}
