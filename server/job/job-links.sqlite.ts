import type { SqliteStore } from "../store/sqlite.ts";
import type { JobRecord } from "./job-record.ts";
import { inputIdsOf } from "./job-sources.ts";
import { labelPairs } from "./label-pairs.ts";

/** Writes by what else a new job is found: the jobs that it comes after, its labels, its inputs. Runs inside `store.write`. */
export function insertLinks(store: SqliteStore, { jobId, businessId, gate, manifest }: JobRecord): void {
  for (const { jobId: after } of gate === "after" ? (manifest.after ?? []) : []) {
    store.run(
      "INSERT INTO compute_job_after (after_job_id, job_id) VALUES ($after, $jobId) ON CONFLICT DO NOTHING",
      { after, jobId },
    );
  }
  for (const label of labelPairs(manifest.labels)) {
    store.run(
      "INSERT INTO compute_job_labels (business_id, label, job_id) VALUES ($businessId, $label, $jobId)",
      { businessId, label, jobId },
    );
  }
  for (const inputId of manifest.inputs ? inputIdsOf(manifest) : []) {
    store.run("INSERT INTO compute_job_inputs (input_id, job_id) VALUES ($inputId, $jobId)", {
      inputId,
      jobId,
    });
  }
}
