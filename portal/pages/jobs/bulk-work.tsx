import type { ComponentChildren } from "preact";
import {
  type DeletedJob,
  isFinal,
  type Job,
  type JobSelection,
  type JobStatus,
  jobStatuses,
} from "../../../sdk/index.ts";
import { sayError } from "../../api/errors.ts";
import { compute } from "../../api/session.ts";
import { mayI, me } from "../../api/whoami.ts";
import { counted } from "../../ui/counted.ts";
import { confirm } from "../../ui/dialog.tsx";
import { filterOf, type JobQuery } from "./query.ts";

export type BulkAction = "cancel" | "retry" | "delete";

export interface BulkWork {
  signal: AbortSignal;
  /** The person said yes. `of`: how many there are; undefined if that is not known. */
  onStart(of: number | undefined): void;
  onProgress(done: number): void;
}

const AT_ONCE = 6;
const DELETED_AT_ONCE = 200;

const QUESTIONS: Readonly<Record<BulkAction, { verb: string; text: string; no: string }>> = {
  cancel: {
    verb: "Cancel",
    text: "Those that wait will not start. Those that run are asked to end, and killed if they do not.",
    no: "Let them go on",
  },
  retry: {
    verb: "Retry",
    text: "Each begins a new attempt. Those that succeeded are left as they are.",
    no: "Leave them",
  },
  delete: {
    verb: "Delete",
    text: "Their attempts, logs and files go with them. They stay in the trash for 30 days, and can be brought back until then.",
    no: "Keep them",
  },
};
const DONE: Readonly<Record<BulkAction, string>> = {
  cancel: "cancelled",
  retry: "queued again",
  delete: "deleted",
};

/** Asks, and then does it to each of these jobs. Resolves with what came of it; undefined if the person said no. */
export async function changeSelected(
  action: BulkAction,
  jobs: readonly Job[],
  work: BulkWork,
): Promise<ComponentChildren> {
  if (!(await ask(action, counted(jobs.length, "job")))) return undefined;
  work.onStart(jobs.length);
  const problems: string[] = [];
  let done = 0;
  const parts = action === "delete" ? inParts(jobs, DELETED_AT_ONCE) : inParts(jobs, 1);
  const queue = parts.values();
  const worker = async () => {
    for (const part of queue) {
      if (work.signal.aborted) return;
      try {
        const refused = await change(action, part, work.signal);
        problems.push(...refused);
        done += part.length - refused.length;
      } catch (error) {
        if (work.signal.aborted) return;
        problems.push(...part.map(() => sayError(error).detail));
      }
      work.onProgress(done + problems.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return outcome(action, done, { problems, left: jobs.length - done - problems.length });
}

/** Does it to one part, and returns why it could not be done to some of it. */
async function change(action: BulkAction, part: readonly Job[], signal: AbortSignal): Promise<string[]> {
  const [{ jobId } = { jobId: "" }] = part;
  if (action === "cancel") await compute.jobs.cancel(jobId, { signal });
  else if (action === "retry") await compute.jobs.retry(jobId, { signal });
  else {
    const results = await compute.jobs.delete(
      part.map((job) => job.jobId),
      { signal },
    );
    return results.filter(({ outcome }) => outcome !== "deleted").map(({ outcome }) => NOT_DELETED[outcome]);
  }
  return [];
}

const NOT_DELETED: Readonly<Record<DeletedJob["outcome"], string>> = {
  deleted: "",
  "not-found": "It was gone already.",
  open: "It is not over. Cancel it first.",
  needed: "Another job waits for it.",
  "in-array": "It can only be deleted together with its array.",
  "not-yours": "It belongs to somebody else.",
};

/** Asks, and then does it to every job that the filters match, also to those that are not shown. */
export async function changeMatching(
  action: BulkAction,
  query: JobQuery,
  work: BulkWork,
): Promise<ComponentChildren> {
  const filter = restricted(action, filterOf(query, me.value?.userId ?? "", Date.now()));
  const isNone = filter.status?.length === 0;
  const { count, more } = isNone
    ? { count: 0, more: false }
    : await compute.jobs.count(filter, { signal: work.signal });
  if (count === 0) return NOTHING[action];
  if (!(await ask(action, more ? `more than ${counted(count, "job")}` : counted(count, "job"))))
    return undefined;
  work.onStart(more ? undefined : count);
  let done = 0;
  const options = {
    signal: work.signal,
    onProgress: ({ changed }: { changed: number }) => {
      done = changed;
      work.onProgress(changed);
    },
  };
  try {
    if (action === "cancel") await compute.jobs.cancelMatching(filter, options);
    else if (action === "retry") await compute.jobs.retryMatching(filter, options);
    else await compute.jobs.deleteMatching(filter, options);
  } catch (error) {
    if (!work.signal.aborted) throw error;
  }
  return outcome(action, done, { problems: [], left: 0 });
}

const NOTHING: Readonly<Record<BulkAction, string>> = {
  cancel: "Every job that matches is over: there is nothing to cancel.",
  retry: "No job that matches has failed: there is nothing to retry.",
  delete: "No job that matches is over: there is nothing to delete.",
};

/** Without a status, the server chooses those that the action fits; one that does not fit would only be counted. */
function restricted(action: BulkAction, filter: JobSelection): JobSelection {
  const fits: Readonly<Record<BulkAction, (status: JobStatus) => boolean>> = {
    cancel: (status) => !isFinal(status),
    retry: (status) => isFinal(status) && status !== "SUCCESS",
    delete: isFinal,
  };
  const status = (filter.status ?? jobStatuses).filter(fits[action]);
  // Members change only what is their own.
  const own = !mayI("jobs.change-others") && { userId: filter.userId ?? me.value?.userId };
  return { ...filter, ...own, status };
}

function ask(action: BulkAction, what: string): Promise<boolean> {
  const { verb, text, no } = QUESTIONS[action];
  return confirm({ title: `${verb} ${what}?`, text, yes: `${verb} ${what}`, no, isBad: action !== "retry" });
}

function outcome(
  action: BulkAction,
  done: number,
  { problems, left }: { problems: readonly string[]; left: number },
): ComponentChildren {
  return (
    <>
      {counted(done, "job")} {DONE[action]}.{" "}
      {action === "delete" && done > 0 && (
        <>
          They are in <a href="/settings/trash">the trash</a>, from which <code>trash restore</code> brings
          them back.{" "}
        </>
      )}
      {left > 0 && <>You stopped before {counted(left, "job")}. </>}
      {problems.length > 0 && (
        <>
          {counted(problems.length, "job")} could not be: {problems[0]}
        </>
      )}
    </>
  );
}

function inParts<T>(all: readonly T[], size: number): T[][] {
  const parts: T[][] = [];
  for (let i = 0; i < all.length; i += size) parts.push(all.slice(i, i + size));
  return parts;
}
