import { isFinal, type Job } from "../../../sdk/index.ts";

/** `all`: not only the rows that are shown, but everything that the filter matches. */
export interface Selection {
  ids: ReadonlySet<string>;
  all: boolean;
  /** Where a range begins that is chosen with Shift. */
  anchor?: string | undefined;
}

export const nothingSelected: Selection = { ids: new Set(), all: false };

/** Selects a row, or takes it off. With `isRange`, every row from the one before to this one becomes as this one. */
export function toggle(
  selection: Selection,
  rows: readonly Pick<Job, "jobId">[],
  jobId: string,
  isRange = false,
): Selection {
  const ids = new Set(selection.ids);
  const isOn = !ids.has(jobId);
  const from = rows.findIndex((row) => row.jobId === selection.anchor);
  const to = rows.findIndex((row) => row.jobId === jobId);
  const range = isRange && from >= 0 ? rows.slice(Math.min(from, to), Math.max(from, to) + 1) : [{ jobId }];
  for (const row of range) {
    if (isOn) ids.add(row.jobId);
    else ids.delete(row.jobId);
  }
  return { ids, all: false, anchor: jobId };
}

export function toggleAll(selection: Selection, rows: readonly Pick<Job, "jobId">[]): Selection {
  const isWhole = rows.every(({ jobId }) => selection.ids.has(jobId));
  return isWhole ? nothingSelected : { ids: new Set(rows.map(({ jobId }) => jobId)), all: false };
}

/** What can be done with which of these jobs. */
export function eligible(jobs: readonly Job[]): { cancel: Job[]; retry: Job[]; delete: Job[] } {
  const over = jobs.filter(({ status }) => isFinal(status));
  return {
    cancel: jobs.filter(
      ({ status, cancelRequestedAt }) => !isFinal(status) && cancelRequestedAt === undefined,
    ),
    retry: over.filter(({ status }) => status !== "SUCCESS"),
    delete: over.filter(({ arrayId }) => arrayId === undefined),
  };
}
