import type { Compute, Job } from "../../sdk/index.ts";
import { isId } from "../../shared/id-schema.ts";
import { executionId } from "../../shared/ids.ts";
import { CliError } from "../exit/failure.ts";
import { formatAge } from "../output/format.ts";
import type { Output } from "../output/output.ts";
import { formatTable } from "../output/table.ts";
import { patience } from "./connect.ts";

/** What a command accepts as a job. */
export const JOB_HELP = "its id, the start of its id, its name, or @last for the job you submitted last";

const LAST = "@last";
/** How many jobs of all users `@last` looks through. */
const MAX_LOOKED_AT = 1_000;
const MAX_NAMED = 5;
const MIN_PREFIX_DIGITS = 4;
const DIGITS = /^[0-9a-hjkmnp-tv-z]+$/;

/** The id of the job that a person named. A full id costs no request. */
export async function findJob(compute: Compute, text: string, output: Output): Promise<string> {
  if (isId("job", text)) return text;
  refuseEmpty("job", text);
  return text === LAST ? lastJob(compute, output) : jobCalled(compute, text, output);
}

export async function findJobs(
  compute: Compute,
  texts: readonly string[],
  output: Output,
): Promise<string[]> {
  const ids: string[] = [];
  for (const text of texts) ids.push(await findJob(compute, text, output));
  return ids;
}

export async function findNode(compute: Compute, text: string, output: Output): Promise<string> {
  if (isId("node", text)) return text;
  refuseEmpty("node", text);
  const nodes = await Array.fromAsync(compute.nodes.list({}, patience(output)));
  const rows = nodes.map((node) => ({ id: node.nodeId, name: node.name, state: node.status }));
  return only("node", text, called("node", text, rows));
}

export async function findSchedule(compute: Compute, text: string, output: Output): Promise<string> {
  if (isId("sch", text)) return text;
  refuseEmpty("schedule", text);
  const schedules = await Array.fromAsync(compute.schedules.list({}, patience(output)));
  const rows = schedules.map((one) => ({ id: one.scheduleId, name: one.name, state: one.status }));
  return only("schedule", text, called("sch", text, rows));
}

/** Only what `artifact upload` made has a name to find it by: the inputs and outputs of jobs often have the same names. */
export async function findArtifact(compute: Compute, text: string, output: Output): Promise<string> {
  if (isId("art", text)) return text;
  refuseEmpty("artifact", text);
  const artifacts = await Array.fromAsync(compute.artifacts.list({ limit: MAX_LOOKED_AT }, patience(output)));
  const rows = artifacts.map((one) => ({
    id: one.artifactId,
    name: one.kind === "upload" ? one.name : undefined,
    state: `${one.kind}, ${formatAge(one.createdAt)} ago`,
  }));
  return only("artifact", text, called("art", text, rows));
}

export async function findArtifacts(
  compute: Compute,
  texts: readonly string[],
  output: Output,
): Promise<string[]> {
  const ids: string[] = [];
  for (const text of texts) ids.push(await findArtifact(compute, text, output));
  return ids;
}

/** Refuses what cannot be the id of an execution before the server is asked. Throws CliError `usage`. */
export function checkExecutionId(text: string): string {
  const result = executionId.safeParse(text);
  if (result.success) return text;
  throw new CliError("usage", `${text} is not an execution id: it ${result.error.issues[0]?.message}`);
}

/** An unset shell variable must not select anything. */
function refuseEmpty(kind: string, text: string): void {
  if (text.trim() === "") throw new CliError("usage", `the id or name of the ${kind} is empty`);
}

interface Candidate {
  id: string;
  name: string | undefined;
  /** Helps people tell several apart. */
  state: string;
}

/** The rows with this name; if there are none, the rows with an id that starts like this. */
function called(prefix: string, text: string, rows: readonly Candidate[]): Candidate[] {
  const named = rows.filter((row) => row.name === text);
  const begin = beginningOf(prefix, text);
  if (named.length > 0 || begin === undefined) return named;
  return rows.filter((row) => row.id.startsWith(begin));
}

async function jobCalled(compute: Compute, text: string, output: Output): Promise<string> {
  const limit = MAX_NAMED + 1;
  const list = async (filter: { name: string } | { idPrefix: string }) => {
    const jobs = await Array.fromAsync(compute.jobs.list({ ...filter, limit }, patience(output)));
    return jobs.map((job) => ({
      id: job.jobId,
      name: job.name,
      state: `${job.status}, ${formatAge(job.createdAt)} ago`,
    }));
  };
  const begin = beginningOf("job", text);
  const isMeantAsId = text.startsWith("job_");
  const named = isMeantAsId ? [] : await list({ name: text.replaceAll(/[\\*?]/g, "\\$&") });
  const found = named.length > 0 || begin === undefined ? named : await list({ idPrefix: begin });
  return only("job", text, found);
}

/** `job_01m8` and `01m8` mean the same. */
function beginningOf(prefix: string, text: string): string | undefined {
  const digits = text.startsWith(`${prefix}_`) ? text.slice(prefix.length + 1) : text;
  return DIGITS.test(digits) && digits.length >= MIN_PREFIX_DIGITS && digits.length <= 26
    ? `${prefix}_${digits}`
    : undefined;
}

function only(kind: string, text: string, found: readonly Candidate[]): string {
  const [first, second] = found;
  if (first && !second) return first.id;
  if (!first) {
    throw new CliError(
      "not_found",
      `there is no ${kind} ${text}: it matches no id, no start of an id and no name`,
      {
        todo: `See tanvrit-compute ${kind} list`,
      },
    );
  }
  const shown = found.slice(0, MAX_NAMED).map(({ id, name = "", state }) => [id, state, name]);
  const more = found.length > MAX_NAMED ? ["  and more"] : [];
  const table = formatTable(["ID", "STATE", "NAME"], shown).split("\n").slice(1);
  throw new CliError(
    "bad_data",
    `${text} matches more than one ${kind}:\n${[...table.map((line) => `  ${line}`), ...more].join("\n")}`,
    {
      todo: "Give more of the id",
    },
  );
}

/** The job this user submitted last; for a job of an array, the array. */
async function lastJob(compute: Compute, output: Output): Promise<string> {
  const { userId } = await compute.client.call("auth.whoami", {});
  for await (const job of compute.jobs.list({ limit: MAX_LOOKED_AT }, patience(output))) {
    if (isBy(job, userId)) return job.arrayId ?? job.jobId;
  }
  throw new CliError("not_found", "you have not submitted a job recently", {
    todo: "See tanvrit-compute job list",
  });
}

function isBy(job: Job, userId: string): boolean {
  return job.userId === userId && job.scheduleId === undefined;
}
