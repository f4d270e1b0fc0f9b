import type { FitReport, NodeFit, WaitsFor } from "../../shared/fit.ts";
import { isFinal } from "../../shared/job-state.ts";
import { isoTime } from "../http/iso-time.ts";
import type { JobRecord } from "../job/job-record.ts";

/** What a job waits for, as one word and as a sentence. */
export interface Why {
  waitsFor: WaitsFor;
  summary: string;
}

/** A job that holds a place in the group that another job waits for, and what it waits for itself. */
export interface Holder {
  job: JobRecord;
  why: Why;
}

/**
 * Explains what a job waits for. `report`: whether the nodes could run it. `holders`: the jobs that hold the places in its
 * group. `waitsForSlot`: an assigned job is at its node, where other jobs have all slots. Pure.
 */
export function explainJob(
  job: JobRecord,
  report: FitReport,
  holders: readonly Holder[] = [],
  waitsForSlot = false,
): Why {
  if (job.status === "ASSIGNED" && waitsForSlot) {
    const summary = `The job is assigned to ${job.nodeId}, and waits there for a slot: other jobs have all of them now.`;
    return { waitsFor: "node", summary };
  }
  const isInLine = job.status === "QUEUED" && job.gate === "group";
  if (isInLine && job.notBeforeMs === undefined) {
    const isStuck = !report.nodes.some(({ verdict }) => verdict === "fits" || verdict === "busy");
    return isStuck && !report.moreNodes ? explainFit(report, "The job") : waitsForTurn(job, holders);
  }
  return notQueued(job) ?? heldBack(job) ?? explainFit(report, "The job");
}

function waitsForTurn({ manifest }: JobRecord, holders: readonly Holder[]): Why {
  const { group, limit } = manifest.concurrency ?? {};
  const full = `The job waits for its turn in the concurrency group ${group}, which is full (limit ${limit}).`;
  const [first, ...others] = holders;
  if (!first) return { waitsFor: "group", summary: full };
  const name = first.job.manifest.name === undefined ? "" : ` (${first.job.manifest.name})`;
  const more = others.length > 0 ? `, and so do ${others.length} others` : "";
  const place = `Job ${first.job.jobId}${name} has a place${more}.`;
  return { waitsFor: "group", summary: `${full} ${place} ${first.why.summary.replace(/^The job/, "It")}` };
}

/** Explains what a job waits for by its nodes alone. `subject` begins the sentence. Pure. */
export function explainFit({ nodes, moreNodes }: FitReport, subject: string): Why {
  const of = (verdict: NodeFit["verdict"]) => nodes.filter((node) => node.verdict === verdict);
  const able = of("fits");
  if (able.length > 0) {
    return {
      waitsFor: "turn",
      summary: `${subject} has room on ${named(able)} now; older jobs and jobs with a higher priority go first.`,
    };
  }
  const node: WaitsFor = "node";
  const busy = of("busy");
  if (busy.length > 0) {
    return {
      waitsFor: node,
      summary: `${subject} has no room now: ${named(busy)} could run it later.`,
    };
  }
  const away = of("unavailable");
  if (away.length > 0) {
    const verb = away.length === 1 ? "is" : "are";
    const summary = `${subject} cannot run now: ${named(away)} could run it but ${verb} not available.`;
    return { waitsFor: node, summary };
  }
  return { waitsFor: node, summary: `${subject} cannot run: ${whyNever(nodes.length, moreNodes)}.` };
}

function whyNever(nodeCount: number, moreNodes: boolean): string {
  if (nodeCount === 0) return "no node is registered";
  if (nodeCount === 1) return "the only registered node could never run it";
  return `none of the ${moreNodes ? "first " : ""}${nodeCount} registered nodes could ever run it`;
}

function notQueued(job: JobRecord): Why | undefined {
  if (job.status === "QUEUED") return undefined;
  if (isFinal(job.status)) {
    return {
      waitsFor: "nothing",
      summary: `The job is over: it ended with status ${job.status} at ${isoTime(job.finishedAtMs)}.`,
    };
  }
  const summary =
    job.status === "RUNNING"
      ? `The job has been running on ${job.nodeId} since ${isoTime(job.startedAtMs)}.`
      : `The job is assigned to ${job.nodeId}, which is about to start it.`;
  return { waitsFor: "nothing", summary };
}

/** The first thing that keeps a queued job from being handed out, regardless of the nodes. */
function heldBack(job: JobRecord): Why | undefined {
  const held = heldForJobs(job);
  if (held) return held;
  if (job.notBeforeMs === undefined) return undefined;
  const isRetry = job.retryCount + job.lostCount > 0;
  return {
    waitsFor: "time",
    summary: isRetry
      ? `The job waits until ${isoTime(job.notBeforeMs)} for its next attempt.`
      : `The job waits until ${isoTime(job.notBeforeMs)}; it may not start earlier.`,
  };
}

function heldForJobs({ gate, manifest }: JobRecord): Why | undefined {
  if (gate === "after") {
    const others = (manifest.after ?? []).map(({ jobId, on }) => `${jobId} (${on})`);
    return {
      waitsFor: "job",
      summary: `The job waits for other jobs that have not all finished: ${others.join(", ")}.`,
    };
  }
  if (gate === "array") {
    return {
      waitsFor: "job",
      summary: "The job is an array: it never runs itself, and it ends when all its jobs have ended.",
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
