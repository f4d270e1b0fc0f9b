import { textOf } from "../../../shared/text-of.ts";
import type { JobDefinition } from "../syntax/model.ts";
import { failJob } from "./job-events.ts";
import { shortName } from "./matrix.ts";
import { runJobNode } from "./run-job-node.ts";
import type { Frame, JobEnd, RunState } from "./run-state.ts";

/** Runs the jobs of a workflow, each as soon as those that it needs have ended. `wanted` absent: all of them. */
export async function runFrame(
  run: RunState,
  frame: Frame,
  wanted?: ReadonlySet<string>,
): Promise<ReadonlyMap<string, JobEnd>> {
  const jobs = [...frame.loaded.workflow.jobs.values()].filter(({ id }) => wanted?.has(id) ?? true);
  const begun = new Set<string>();
  const ends = new Map<string, Promise<JobEnd>>();
  const endOf = (job: JobDefinition): Promise<JobEnd> => {
    let end = ends.get(job.id);
    if (!end) {
      end = runAfter(job);
      ends.set(job.id, end);
    }
    return end;
  };
  const runAfter = async (job: JobDefinition): Promise<JobEnd> => {
    const needed = job.needs.flatMap((id) => jobs.find((one) => isSameId(one.id, id)) ?? []);
    const needs = new Map(await Promise.all(needed.map(async (one) => [one.id, await endOf(one)] as const)));
    begun.add(job.id);
    try {
      return await runJobNode(run, frame, job, needs);
    } catch (error) {
      // A mistake of the engine itself must not leave the other jobs alone.
      failJob(run, frame, job, textOf(error));
      return {
        result: "failure",
        outputs: {},
        upstreamFailed: false,
        upstreamSucceeded: true,
        failsRun: true,
        ran: true,
      };
    }
  };
  // Jobs that begin at once stand first in the tree, with those that they call.
  setImmediate(() =>
    announce(
      run,
      frame,
      jobs.filter(({ id }) => !begun.has(id)),
    ),
  );
  return new Map(await Promise.all(jobs.map(async (job) => [job.id, await endOf(job)] as const)));
}

/** Jobs that wait for others, in the order of the file, as far as they are known: a matrix or a call makes them later. */
function announce({ recorder }: RunState, { prefix }: Frame, jobs: readonly JobDefinition[]): void {
  for (const { id, name, strategy, call } of jobs) {
    if (strategy !== undefined || call) continue;
    const own = name === undefined || name.isExpression ? id : String(name);
    const about = { id: prefix.id + id, name: shortName(prefix.name + own) };
    recorder.event({ type: "job", job: { key: prefix.key + id, ...about, status: "queued" } });
  }
}

/** Ids of jobs do not differ by upper and lower case. */
export function isSameId(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** The jobs that were asked for, and all that they need. */
export function withNeeds(ids: readonly string[], jobs: ReadonlyMap<string, JobDefinition>): Set<string> {
  const wanted = new Set<string>();
  const add = (named: string) => {
    const job = [...jobs.values()].find(({ id }) => isSameId(id, named));
    if (!job || wanted.has(job.id)) return;
    wanted.add(job.id);
    for (const needed of job.needs) add(needed);
  };
  for (const id of ids) add(id);
  return wanted;
}
