import type { FitReport, NodeFit, WaitsFor } from "../../shared/fit.ts";
import { isFinal } from "../../shared/job-state.ts";
import { isoTime } from "../http/iso-time.ts";
import type { JobRecord } from "../job/job-record.ts";

/** What a job waits for, in one word and in one sentence. */
export interface Why {
  waitsFor: WaitsFor;
  summary: string;
}

/** A job that has a place in the group of another, and what it waits for itself. */
export interface Holder {
  job: JobRecord;
  why: Why;
}

/** Of a job as it is now, given how the nodes stand to it and who has the places in its group. Pure. */
export function explainJob(job: JobRecord, report: FitReport, holders: readonly Holder[] = []): Why {
  const isInLine = job.status === "QUEUED" && job.gate === "group";
  if (isInLine && job.notBeforeMs === undefined) {
    const isStuck = !report.nodes.some(({ verdict }) => verdict === "fits" || verdict === "busy");
    return isStuck && !report.moreNodes ? explainFit(report, "The job") : waitsForTurn(job, holders);
  }
  return notQueued(job) ?? heldBack(job) ?? explainFit(report, "The job");
}

function waitsForTurn({ manifest }: JobRecord, holders: readonly Holder[]): Why {
  const { group, limit } = manifest.concurrency ?? {};
  const full = `The job waits for its turn in the concurrency group ${group}, which is full: ${limit} of its jobs at once.`;
  const [first, ...others] = holders;
  if (!first) return { waitsFor: "group", summary: full };
  const name = first.job.manifest.name === undefined ? "" : ` (${first.job.manifest.name})`;
  const more = others.length > 0 ? `; ${others.length} more have one, too` : "";
  const place = `Job ${first.job.jobId}${name} has a place${more}.`;
  return { waitsFor: "group", summary: `${full} ${place} ${first.why.summary.replace(/^The job/, "It")}` };
}

/** What the nodes alone say. Pure. */
export function explainFit({ nodes, moreNodes }: FitReport, subject: string): Why {
  const of = (verdict: NodeFit["verdict"]) => nodes.filter((node) => node.verdict === verdict);
  const able = of("fits");
  if (able.length > 0) {
    return {
      waitsFor: "turn",
      summary: `${subject} has room on ${named(able)} now; jobs of higher priority and older ones go first.`,
    };
  }
  const node: WaitsFor = "node";
  const busy = of("busy");
  if (busy.length > 0) {
    return { waitsFor: node, summary: `${subject} finds no room now: ${named(busy)} could run it later.` };
  }
  const away = of("unavailable");
  if (away.length > 0) {
    const summary = `${subject} finds no node that takes jobs now: ${named(away)} could run it, but is not available.`;
    return { waitsFor: node, summary };
  }
  const among = moreNodes ? `the first ${nodes.length}` : `${nodes.length}`;
  const summary =
    nodes.length === 0
      ? `${subject} cannot run: no node is registered.`
      : `${subject} cannot run: none of ${among} registered nodes could ever run it.`;
  return { waitsFor: node, summary };
}

function notQueued(job: JobRecord): Why | undefined {
  if (job.status === "QUEUED") return undefined;
  if (isFinal(job.status)) {
    return {
      waitsFor: "nothing",
      summary: `The job is over: ${job.status} since ${isoTime(job.finishedAtMs)}.`,
    };
  }
  const summary =
    job.status === "RUNNING"
      ? `The job runs on ${job.nodeId} since ${isoTime(job.startedAtMs)}.`
      : `The job is assigned to ${job.nodeId}, which is about to start it.`;
  return { waitsFor: "nothing", summary };
}

/** What keeps a queued job from being handed out whatever the nodes are. The first that holds. */
function heldBack(job: JobRecord): Why | undefined {
  const held = heldForJobs(job);
  if (held) return held;
  if (job.notBeforeMs === undefined) return undefined;
  const isRetry = job.retryCount + job.lostCount > 0;
  return {
    waitsFor: "time",
    summary: isRetry
      ? `The job waits until ${isoTime(job.notBeforeMs)} before it is tried again.`
      : `The job waits until ${isoTime(job.notBeforeMs)}, as it asks for.`,
  };
}

function heldForJobs({ gate, manifest }: JobRecord): Why | undefined {
  if (gate === "after") {
    const others = (manifest.after ?? []).map(({ jobId, on }) => `${jobId} (${on})`);
    return {
      waitsFor: "job",
      summary: `The job comes after other jobs, which are not all over: ${others.join(", ")}.`,
    };
  }
  if (gate === "array") {
    return {
      waitsFor: "job",
      summary: "The job is an array: it stands for its jobs, and ends when they have.",
    };
  }
  return undefined;
}

const MAX_NAMED = 3;

function named(nodes: readonly NodeFit[]): string {
  const names = nodes.slice(0, MAX_NAMED).map((node) => node.name);
  const more = nodes.length - names.length;
  return more > 0 ? `${names.join(", ")} and ${more} more` : names.join(", ");
}
