import type { TrashKind } from "../../shared/trash.ts";

/**
 * One deletion by a person: what it took can be brought back until it expires. The rows stay in their tables, but belong
 * to the trash entry in place of the business, so nobody finds them. Times are epoch milliseconds.
 */
export interface TrashRecord {
  trashId: string;
  businessId: string;
  kind: TrashKind;
  /** Who deleted it. */
  userId: string;
  /** The ids of what it took; for secrets, their names. */
  items: readonly string[];
  /** What a person calls it, if it has a name. */
  name: string | undefined;
  deletedAtMs: number;
  expiresAtMs: number;
}

/** Where a deletion puts what it takes; the store fills in the items that it found. */
export type IntoTrash = Omit<TrashRecord, "businessId" | "kind" | "items">;

/** `taken`: something has the name by now, so nothing was changed. */
export type RestoreOutcome = "restored" | "missing" | "taken";

/**
 * Stores what is in the trash. Every operation is safe to call from several servers at the same time, and its result is
 * on disk when it resolves. Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface TrashStore {
  /** Newest first. */
  list(businessId: string, beforeTrashId: string | undefined, limit: number): Promise<TrashRecord[]>;
  find(businessId: string, trashId: string): Promise<TrashRecord | undefined>;
  /** Gives everything back to the business, and removes the entry. */
  restore(businessId: string, trashId: string): Promise<RestoreOutcome>;
  /** Entries of all businesses that have expired, oldest first. */
  expired(nowMs: number, limit: number): Promise<TrashRecord[]>;
  /** Removes the entry alone, after what it took is gone. */
  forget(trashId: string): Promise<void>;
}

/** What has rows in tables of its own. Artifacts are hidden in another way. */
export type MovedKind = Exclude<TrashKind, "artifacts">;

/** The tables that an entry of this kind has taken rows of, and the column by which they are found quickly. */
export const tablesOf: Readonly<Record<MovedKind, { tables: readonly string[]; column: string }>> = {
  jobs: { tables: ["compute_jobs", "compute_executions", "compute_workflow_runs"], column: "job_id" },
  template: { tables: ["compute_templates"], column: "template_id" },
  schedule: { tables: ["compute_schedules", "compute_schedule_fires"], column: "schedule_id" },
  secrets: { tables: ["compute_job_secrets"], column: "name" },
};

/** Whose the rows are, and whose they become: a business, or an entry. */
export interface Move {
  from: string;
  to: string;
}

/** Whether a business id is that of a trash entry, which holds rows in place of the business. */
export function isTrash(businessId: string): boolean {
  return businessId.startsWith("trash_");
}
