import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import type { Stores } from "../../server/compose/stores.ts";
import type { JobRecord } from "../../server/job/job-record.ts";
import { newJob } from "../../server/job/job-rules.ts";
import { firstIdAt, newId } from "../../shared/ids.ts";
import type { JobStatus } from "../../shared/job-state.ts";
import { jobManifest } from "../../shared/manifest.ts";
import { packLines } from "../../shared/packed-lines.ts";

export interface Fill {
  /** The data directory of a server that is stopped. */
  dataDir: string;
  businessId: string;
  userId: string;
  jobs: number;
  logLines: number;
}

const WEEK_MS = 7 * 24 * 3_600_000;
const JOBS_PER_INSERT = 1_000;
const LINES_PER_APPEND = 1_000;
const SHORT_LOG_LINES = 100;
const OTHER_USERS = 9;
/** Of twenty jobs in a row. */
const STATUSES: readonly JobStatus[] = [
  ...Array<JobStatus>(14).fill("SUCCESS"),
  ...(["FAILED", "FAILED", "CANCELLED", "QUEUED", "QUEUED", "QUEUED"] as const),
];
const TASKS = ["train", "encode", "render", "backup", "report", "test", "build", "sync"];
/** The names of three jobs begin like this. */
export const RARE_NAME = "needle";

/**
 * Fills the store of a server with the jobs of a week: of ten people, in every state, a tenth with the label `team=vision`.
 * Resolves with the ids of two that have succeeded, with a short log and with a log of `logLines` lines.
 */
export async function fillStore(fill: Fill): Promise<{ shortId: string; longId: string }> {
  const stores = openSqliteStores(fill.dataDir);
  try {
    const sinceMs = Date.now() - WEEK_MS;
    for (let first = 0; first < fill.jobs; first += JOBS_PER_INSERT) {
      const count = Math.min(JOBS_PER_INSERT, fill.jobs - first);
      const jobs = Array.from({ length: count }, (_, i) =>
        jobAt(fill, first + i, sinceMs + ((first + i) / fill.jobs) * WEEK_MS),
      );
      await insert(stores, jobs);
    }
    const [short, long] = ["short log", "long log"].map((name) => namedJob(fill, name)) as [
      JobRecord,
      JobRecord,
    ];
    await insert(stores, [short, long]);
    await writeLog(stores, short, SHORT_LOG_LINES);
    await writeLog(stores, long, fill.logLines);
    return { shortId: short.jobId, longId: long.jobId };
  } finally {
    await stores.close();
  }
}

async function insert(stores: Stores, jobs: readonly JobRecord[]): Promise<void> {
  await stores.jobs.insert(jobs.map((job) => ({ job, idempotency: undefined })));
}

function jobAt({ businessId, userId, jobs }: Fill, number: number, atMs: number): JobRecord {
  const by = number % (OTHER_USERS + 1);
  const isRare = number % Math.ceil(jobs / 3) === 7;
  const manifest = jobManifest.parse({
    name: isRare ? `${RARE_NAME} ${number}` : `${TASKS[number % TASKS.length]} ${number}`,
    command: ["sh", "-c", `make PART=${number}`],
    ...(number % 10 === 3 && { labels: { team: "vision" } }),
  });
  const job = newJob({ businessId, userId: by === 0 ? userId : `usr_${by}` }, manifest, {}, atMs);
  return ended({ ...job, jobId: firstIdAt("job", atMs) }, STATUSES[number % STATUSES.length] ?? "SUCCESS");
}

function namedJob({ businessId, userId }: Fill, name: string): JobRecord {
  const manifest = jobManifest.parse({ name, command: ["sh", "-c", "make"] });
  return ended(newJob({ businessId, userId }, manifest, {}, Date.now()), "SUCCESS");
}

function ended(job: JobRecord, status: JobStatus): JobRecord {
  if (status === "QUEUED") return job;
  const times = { startedAtMs: job.createdAtMs + 2_000, finishedAtMs: job.createdAtMs + 62_000 };
  const exitCode = { SUCCESS: 0, FAILED: 1 }[status as string];
  return { ...job, status, attempt: 1, ...times, end: exitCode === undefined ? undefined : { exitCode } };
}

async function writeLog(stores: Stores, { businessId, jobId }: JobRecord, count: number): Promise<void> {
  const executionId = newId("exe");
  const at = new Date().toISOString();
  for (let first = 1; first <= count; first += LINES_PER_APPEND) {
    const lines = Array.from({ length: Math.min(LINES_PER_APPEND, count - first + 1) }, (_, i) => ({
      seq: first + i,
      stream: "stdout" as const,
      at,
      text: `step ${first + i}: loss 0.${(first + i) % 997} in \u001b[32m${(first + i) % 83} ms\u001b[0m, learning rate 0.001`,
    }));
    await stores.logs.append([{ businessId, jobId, executionId, attempt: 1, ...packLines(lines) }]);
  }
}
