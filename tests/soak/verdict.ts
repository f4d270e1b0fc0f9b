import type { ComputeClient } from "../../sdk/client.ts";
import type { Execution } from "../../shared/execution.ts";
import type { Job } from "../../shared/job.ts";
import { faultsOf } from "./replay.ts";
import { partsOfLine } from "./simulated-job.ts";
import type { Witness } from "./witness.ts";

const PAGE = 500;
const LOGS_LOOKED_AT = 500;
const LOGS_AT_ONCE = 8;

export interface Verdict {
  jobs: number;
  succeeded: number;
  executions: number;
  /** Executions that were assigned but never started, because a response or a server was lost, or the job was cancelled. */
  released: number;
  /** Executions that ended with their agent. */
  lost: number;
  /** Reports of runs of agents that had given way. */
  late: number;
  /** The rules that were broken: one sentence each. */
  faults: string[];
}

/** Compares the final state of the servers with their answers to clients and agents. */
export async function judge(client: ComputeClient, witness: Witness): Promise<Verdict> {
  const listed = await allPages<Job>((cursor) =>
    client
      .call("jobs.list", { limit: PAGE, cursor })
      .then((page) => ({ rows: page.jobs, next: page.nextCursor })),
  );
  const executions = await allPages<Execution>((cursor) =>
    client
      .call("executions.list", { limit: PAGE, cursor })
      .then((page) => ({ rows: page.executions, next: page.nextCursor })),
  );
  const jobs = new Map(listed.map((job) => [job.jobId, job]));
  const byJob = Map.groupBy(
    executions.filter((one) => !isUndone(one, witness)).toReversed(),
    ({ jobId }) => jobId,
  );
  const faults = [
    ...witness.faults,
    ...whatIsMissing(witness, jobs),
    ...listed.flatMap((job) => judgeJob(job, byJob.get(job.jobId) ?? [], witness)),
    ...judgeAnswers(witness, new Map(executions.map((one) => [one.executionId, one]))),
    ...judgeArrays(witness, jobs, byJob),
    ...judgeGroups(witness, byJob),
    ...judgeOrder(witness, jobs, byJob),
    ...judgeNodes(witness, executions),
  ];
  const own = listed.filter(({ array }) => array === undefined);
  const toRead = own.slice(0, LOGS_LOOKED_AT);
  const readSome = async () => {
    for (let job = toRead.pop(); job; job = toRead.pop()) {
      const { jobId } = job;
      const lines = await storedLines(client, jobId);
      faults.push(...judgeLog(lines, byJob.get(jobId) ?? [], witness).map((fault) => `${jobId}: ${fault}`));
    }
  };
  await Promise.all(Array.from({ length: LOGS_AT_ONCE }, readSome));
  return {
    jobs: own.length,
    succeeded: own.filter(({ status }) => status === "SUCCESS").length,
    executions: executions.length,
    released: executions.filter((one) => one.status === "CANCELLED" && one.startedAt === undefined).length,
    lost: executions.filter(({ reason }) => reason === "AgentRestarted").length,
    late: witness.late,
    faults,
  };
}

/**
 * Whether the job was reserved for a node, and that was undone before a server knew of a start: a server died, or another one
 * was faster. On MongoDB it stays ASSIGNED for some seconds, until a server looks at it, and an agent may have got it.
 */
function isUndone({ executionId, startedAt, status }: Execution, { executions }: Witness): boolean {
  const isOpen = status === "ASSIGNED" || status === "CANCELLED";
  return isOpen && startedAt === undefined && !executions.get(executionId)?.known.size;
}

function whatIsMissing({ jobs: asked }: Witness, stored: ReadonlyMap<string, Job>): string[] {
  const faults: string[] = [];
  for (const jobId of asked.keys())
    if (!stored.has(jobId)) faults.push(`${jobId} was acknowledged and is lost`);
  const expected = [...asked.values()].reduce((sum, { array }) => sum + 1 + (array?.size ?? 0), 0);
  if (stored.size !== expected) faults.push(`${expected} jobs were submitted, ${stored.size} are stored`);
  return faults;
}

/** An array is judged with its jobs. */
function judgeJob(job: Job, executions: readonly Execution[], witness: Witness): string[] {
  const { jobId, arrayId = jobId } = job;
  if (job.array !== undefined) return [];
  const asked = witness.jobs.get(arrayId);
  const faults = faultsOf(job, executions);
  const cancelledAtMs = asked?.cancelledAtMs;
  if (cancelledAtMs !== undefined) {
    const isSkipped = job.reason === "Skipped";
    if (job.cancelRequestedAt === undefined && job.arrayId === undefined && !isSkipped)
      faults.push("its cancel was acknowledged and is lost");
    for (const { executionId, assignedAt } of executions)
      if (Date.parse(assignedAt) > cancelledAtMs)
        faults.push(`${executionId} was assigned after the cancel was acknowledged`);
  }
  if (job.cancelRequestedAt !== undefined && !asked?.isCancelSent) faults.push("nobody cancelled it");
  if (asked && job.status === "FAILED" && asked.job.failures === 0 && job.lostCount === 0 && !job.reason)
    faults.push("it failed, and was not to fail");
  return faults.map((fault) => `${jobId}: ${fault}`);
}

/** The answer to a report is what is stored. */
function judgeAnswers(witness: Witness, stored: ReadonlyMap<string, Execution>): string[] {
  const faults: string[] = [];
  for (const [executionId, { sent, applied, known }] of witness.executions) {
    const execution = stored.get(executionId);
    if (!execution) {
      // Until a server knows that it has started, an assignment may be undone, also if lines of it were stored.
      if (known.size > 0) faults.push(`${executionId} has run and is lost`);
      continue;
    }
    for (const [status, count] of applied)
      if (count > 1) faults.push(`${count} reports of ${executionId} as ${status} were answered as applied`);
    for (const status of known.keys()) {
      if (status === "RUNNING" && execution.startedAt === undefined)
        faults.push(`${executionId} was acknowledged as started, and is not`);
      if (status !== "RUNNING" && execution.status !== status)
        faults.push(`${executionId} was acknowledged as ${status}, and is ${execution.status}`);
    }
    const isReported = execution.reason === undefined && execution.startedAt !== undefined;
    if (isReported && execution.status !== "RUNNING" && !sent.has(execution.status as never))
      faults.push(`${executionId} is ${execution.status}, which no agent reported`);
  }
  return faults;
}

/** An array ends as its jobs do, and no more of them run at once than it allows. */
function judgeArrays(
  witness: Witness,
  jobs: ReadonlyMap<string, Job>,
  executions: ReadonlyMap<string, readonly Execution[]>,
): string[] {
  const faults: string[] = [];
  const members = Map.groupBy(
    [...jobs.values()].filter(({ arrayId }) => arrayId !== undefined),
    ({ arrayId = "" }) => arrayId,
  );
  for (const [jobId, { array }] of witness.jobs) {
    const job = jobs.get(jobId);
    if (!array || !job) continue;
    const own = members.get(jobId) ?? [];
    if (own.length !== array.size) faults.push(`${jobId} has ${own.length} of ${array.size} jobs`);
    const isAll = own.every(({ status }) => status === "SUCCESS");
    const hasFailed = own.some(({ status }) => status === "FAILED");
    const isCancelled = job.cancelRequestedAt !== undefined || !hasFailed;
    const wanted = isAll ? "SUCCESS" : isCancelled ? "CANCELLED" : "FAILED";
    if (job.status !== wanted) faults.push(`the array ${jobId} is ${job.status}, and should be ${wanted}`);
    if (array.atOnce !== undefined)
      faults.push(
        ...tooManyAtOnce(
          `the array ${jobId}`,
          array.atOnce,
          own.flatMap((one) => executions.get(one.jobId) ?? []),
        ),
      );
  }
  return faults;
}

/** No more jobs of a group run at once than its limit. */
function judgeGroups({ jobs }: Witness, executions: ReadonlyMap<string, readonly Execution[]>): string[] {
  const groups = Map.groupBy(jobs, ([, { group }]) => group);
  return [...groups].flatMap(([group, members]) =>
    group
      ? tooManyAtOnce(
          `the group ${group.name}`,
          group.limit,
          members.flatMap(([jobId]) => executions.get(jobId) ?? []),
        )
      : [],
  );
}

/** No more jobs run at once on a node than it has slots. */
function judgeNodes({ slots }: Witness, executions: readonly Execution[]): string[] {
  const byNode = Map.groupBy(executions, ({ nodeId }) => nodeId);
  return [...slots].flatMap(([nodeId, count]) =>
    tooManyAtOnce(`the node ${nodeId}`, count, byNode.get(nodeId) ?? []),
  );
}

/** A job that comes after another begins when that has succeeded, and is skipped if it has not. */
function judgeOrder(
  witness: Witness,
  jobs: ReadonlyMap<string, Job>,
  executions: ReadonlyMap<string, readonly Execution[]>,
): string[] {
  const faults: string[] = [];
  for (const [jobId, { after = "" }] of witness.jobs) {
    const [job, before] = [jobs.get(jobId), jobs.get(after)];
    if (!job || !before) continue;
    const [first] = executions.get(jobId) ?? [];
    const isSkipped = job.reason === "Skipped";
    if (isSkipped && before.status === "SUCCESS") faults.push(`${jobId} was skipped, and ${after} succeeded`);
    if (first && before.status !== "SUCCESS") faults.push(`${jobId} ran, and ${after} is ${before.status}`);
    if (first && before.finishedAt !== undefined && (first.startedAt ?? "z") < before.finishedAt)
      faults.push(`${jobId} started before ${after} ended`);
  }
  return faults;
}

function tooManyAtOnce(where: string, limit: number, executions: readonly Execution[]): string[] {
  const most = mostAtOnce(executions);
  if (most.length <= limit) return [];
  const times = most.map((one) => `${one.executionId} from ${one.startedAt} to ${one.finishedAt}`);
  return [`${times.join(", ")} ran at once in ${where} with a limit of ${limit}`];
}

/** The most of these that ran at the same time. */
function mostAtOnce(executions: readonly Execution[]): Execution[] {
  let most: Execution[] = [];
  for (const { startedAt } of executions) {
    if (startedAt === undefined) continue;
    const running = executions.filter(
      (one) =>
        one.startedAt !== undefined && one.startedAt <= startedAt && startedAt < (one.finishedAt ?? "z"),
    );
    if (running.length > most.length) most = running;
  }
  return most;
}

/** A log has no line twice, no hole, and every line that the server has acknowledged. */
function judgeLog(lines: readonly string[], executions: readonly Execution[], witness: Witness): string[] {
  const faults: string[] = [];
  const byExecution = Map.groupBy(lines.map(partsOfLine), ([executionId]) => executionId);
  for (const { executionId } of executions) {
    const seqs = (byExecution.get(executionId) ?? []).map(([, seq]) => seq);
    const acknowledged = witness.executions.get(executionId)?.storedLines ?? 0;
    if (seqs.some((seq, i) => seq !== i + 1)) faults.push(`the log of ${executionId} has the lines ${seqs}`);
    if (seqs.length < acknowledged)
      faults.push(`the log of ${executionId} has ${seqs.length} of ${acknowledged} acknowledged lines`);
  }
  const wanted = executions.map(({ executionId }) => executionId).filter((id) => byExecution.has(id));
  const order = [...byExecution.keys()].filter((id) => wanted.includes(id));
  if (order.join() !== wanted.join()) faults.push(`the log has the executions ${order}, not ${wanted}`);
  return faults;
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
