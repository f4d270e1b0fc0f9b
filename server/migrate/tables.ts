import type { Document } from "mongodb";
import { splitPacked } from "../../shared/packed-lines.ts";
import { jobDocument } from "../job/job-documents.mongo.ts";
import { type ExecutionRow, executionFromRow, type JobRow, jobFromRow } from "../job/job-rows.sqlite.ts";
import { executionDocument } from "../job/run-documents.mongo.ts";
import { type LogDocument, logDocument, MAX_DOCUMENT_CHARS } from "../log/log-documents.mongo.ts";
import { apiKeyTables } from "./api-key-tables.ts";
import { artifactTables } from "./artifact-tables.ts";
import { identityTables } from "./identity-tables.ts";
import { peopleTables } from "./people-tables.ts";
import { plain, type Row } from "./rows.ts";
import { signInTables } from "./sign-in-tables.ts";
import { visitTables } from "./visit-tables.ts";

/** How the rows of one table of the embedded store become documents of the collection of the same name. */
export interface MovedTable {
  table: string;
  /** What its rows are read from, if they need more than the table. */
  from?: string;
  /** Unique columns. Rows are read in their order, so an interrupted move continues after the last row it stored. */
  key: readonly string[];
  /** Those columns of the key whose values are bytes. */
  binaryKey?: readonly string[];
  /** Every column. An unlisted column would not be moved; a test finds missing ones. */
  columns: readonly string[];
  /** How many rows are read at a time; fewer if rows are large. */
  rowsPerChunk?: number;
  documents: (row: Row) => Document[];
}

const LARGE_ROWS_PER_CHUNK = 32;

/**
 * Tables that are not moved: each store records for itself which steps of the schema were applied, documents of jobs have
 * their labels, and documents of blobs the ids of their businesses.
 */
export const notMoved: readonly string[] = [
  "compute_migrations",
  "compute_job_labels",
  "compute_business_numbers",
];

/** In the order in which they are moved. */
export const movedTables: readonly MovedTable[] = [
  {
    table: "compute_secrets",
    key: ["name"],
    columns: ["name", "secret"],
    documents: (row) => [plain(row)],
  },
  {
    table: "compute_data_keys",
    key: ["business_id"],
    columns: ["business_id", "key_id", "wrapped"],
    documents: (row) => [plain(row)],
  },
  {
    table: "compute_job_secrets",
    key: ["business_id", "name"],
    columns: [
      "business_id",
      "name",
      "version",
      "sealed",
      "user_id",
      "created_at",
      "updated_at",
      "expires_at",
    ],
    rowsPerChunk: LARGE_ROWS_PER_CHUNK,
    documents: (row) => [plain(row)],
  },
  ...peopleTables,
  ...identityTables,
  ...signInTables,
  {
    table: "compute_nodes",
    key: ["node_id"],
    columns: [
      "node_id",
      "business_id",
      "user_id",
      "session_id",
      "description",
      "draining",
      "offline",
      "access_ended",
      "key_hash",
      "last_heartbeat_at",
      "created_at",
      "suspended",
      "refusing",
      "idempotency_key",
      "run_id",
      "run",
      "removed_at",
      "grants",
      "ungranted",
      "key_issued_at",
      "replaced_key",
    ],
    documents: ({ run_id: _, ...row }) => [
      plain(row, {
        json: ["description", "run", "grants", "ungranted", "replaced_key"],
        flags: ["draining", "offline", "access_ended", "suspended"],
      }),
    ],
  },
  {
    table: "compute_enrolments",
    key: ["enrolment_id"],
    columns: [
      "enrolment_id",
      "business_id",
      "user_id",
      "secret_hash",
      "max_uses",
      "used",
      "use_keys",
      "pool",
      "labels",
      "created_at",
      "expires_at",
      "last_used_at",
      "revoked_at",
    ],
    documents: (row) => [plain(row, { json: ["use_keys", "labels"] })],
  },
  {
    table: "compute_jobs",
    key: ["job_id"],
    columns: [
      "job_id",
      "business_id",
      "user_id",
      "template_id",
      "schedule_id",
      "name",
      "manifest",
      "queue_key",
      "priority",
      "status",
      "attempt",
      "retry_count",
      "lost_count",
      "execution_id",
      "node_id",
      "ending",
      "cancel_requested_at",
      "idempotency_key",
      "idempotency_hash",
      "created_at",
      "not_before",
      "queue_deadline",
      "assigned_at",
      "started_at",
      "finished_at",
      "array_id",
      "hold",
      "concurrency_group",
      "agent_deaths",
      "rerun_of",
      "api_key_id",
    ],
    documents: (row) => [
      {
        ...jobDocument(jobFromRow(row as unknown as JobRow)),
        idempotency_key: row.idempotency_key ?? undefined,
        idempotency_hash: row.idempotency_hash ?? undefined,
      },
    ],
  },
  {
    table: "compute_job_after",
    key: ["after_job_id", "job_id"],
    columns: ["after_job_id", "job_id"],
    // The job's own document lists the jobs that it comes after.
    documents: () => [],
  },
  {
    table: "compute_job_inputs",
    key: ["input_id", "job_id"],
    columns: ["input_id", "job_id"],
    // The job's own document lists them.
    documents: () => [],
  },
  {
    table: "compute_executions",
    key: ["execution_id"],
    columns: [
      "execution_id",
      "job_id",
      "business_id",
      "user_id",
      "node_id",
      "attempt",
      "status",
      "resources",
      "gpu_indexes",
      "lease_expires_at",
      "deadline_at",
      "ending",
      "assigned_at",
      "started_at",
      "finished_at",
    ],
    documents: (row) => [executionDocument(executionFromRow(row as unknown as ExecutionRow))],
  },
  {
    table: "compute_job_logs",
    key: ["rowid"],
    columns: ["job_id", "attempt", "first_seq", "last_seq", "execution_id", "business_id", "lines"],
    rowsPerChunk: LARGE_ROWS_PER_CHUNK,
    documents: logDocumentsOf,
  },
  {
    table: "compute_tallies",
    key: ["subject", "step", "at"],
    columns: ["subject", "step", "at", "sums", "peaks"],
    documents: (row) => [plain(row, { json: ["sums", "peaks"] })],
  },
  {
    table: "compute_execution_series",
    key: ["execution_id"],
    columns: ["execution_id", "job_id", "business_id", "started_at", "step_ms", "points"],
    documents: (row) => [plain(row, { json: ["points"] })],
  },
  {
    table: "compute_workflow_runs",
    key: ["execution_id"],
    columns: ["execution_id", "job_id", "business_id", "attempt", "events", "run"],
    rowsPerChunk: LARGE_ROWS_PER_CHUNK,
    documents: (row) => [plain(row)],
  },
  {
    table: "compute_log_removals",
    key: ["job_id"],
    columns: ["job_id", "business_id", "up_to_attempt", "job_deleted", "pending", "lines", "removed_at"],
    documents: (row) => [
      {
        _id: row.job_id,
        ...plain(row, { flags: ["job_deleted"], without: ["job_id", "pending"] }),
        pending: row.pending === 1 || undefined,
      },
    ],
  },
  {
    table: "compute_schedules",
    key: ["schedule_id"],
    columns: ["schedule_id", "business_id", "status", "next_fire_at", "record"],
    documents: (row) => [{ ...plain(row, { json: ["record"] }), version: 1 }],
  },
  {
    table: "compute_schedule_fires",
    key: ["fire_id"],
    columns: ["fire_id", "schedule_id", "business_id", "clock_due_at", "open", "record"],
    documents: (row) => [
      {
        ...plain(row, { json: ["record"], without: ["open"] }),
        open_of: row.open === 1 ? row.schedule_id : undefined,
      },
    ],
  },
  {
    table: "compute_credit_balances",
    key: ["business_id", "user_id"],
    columns: [
      "business_id",
      "user_id",
      "month",
      "monthly_micro_usd",
      "lasting_micro_usd",
      "reserved_micro_usd",
    ],
    documents: (row) => [
      {
        ...plain(row, { longs: ["monthly_micro_usd", "lasting_micro_usd", "reserved_micro_usd"] }),
        version: 1,
      },
    ],
  },
  {
    table: "compute_credit_ledger",
    key: ["entry_id"],
    columns: [
      "entry_id",
      "business_id",
      "user_id",
      "key",
      "kind",
      "amount_micro_usd",
      "reserved_micro_usd",
      "balance_micro_usd",
      "cost_micro_usd",
      "job_id",
      "execution_id",
      "reason",
      "granted_by",
      "created_at",
    ],
    documents: (row) => [
      plain(row, {
        longs: ["amount_micro_usd", "reserved_micro_usd", "balance_micro_usd", "cost_micro_usd"],
      }),
    ],
  },
  {
    table: "compute_credit_holds",
    key: ["execution_id"],
    columns: [
      "execution_id",
      "business_id",
      "user_id",
      "job_id",
      "node_id",
      "bill",
      "covered_ms",
      "max_cover_ms",
      "month",
      "expired_micro_usd",
      "monthly_micro_usd",
      "lasting_micro_usd",
    ],
    documents: (row) => [
      plain(row, {
        json: ["bill"],
        longs: ["expired_micro_usd", "monthly_micro_usd", "lasting_micro_usd"],
      }),
    ],
  },
  {
    table: "compute_templates",
    key: ["template_id"],
    columns: [
      "template_id",
      "business_id",
      "name",
      "version",
      "content",
      "forked_from",
      "forked_version",
      "user_id",
      "owner_id",
      "created_at",
      "updated_at",
    ],
    documents: (row) => [plain(row)],
  },
  {
    table: "compute_template_versions",
    key: ["template_id", "version"],
    columns: ["template_id", "version", "content", "content_hash", "user_id", "created_at"],
    documents: (row) => [plain(row)],
  },
  ...visitTables,
  ...apiKeyTables,
  ...artifactTables,
];

/** One document per row; a row that is too large for one document becomes several. */
function logDocumentsOf(row: Row): LogDocument[] {
  const { first_seq, last_seq, lines, ...rest } = plain(row);
  const batch = { firstSeq: first_seq, lastSeq: last_seq, lines };
  return splitPacked(batch, MAX_DOCUMENT_CHARS).map((part) =>
    logDocument({
      ...(rest as Pick<LogDocument, "business_id" | "job_id" | "execution_id" | "attempt">),
      first_seq: part.firstSeq,
      last_seq: part.lastSeq,
      lines: part.lines,
    }),
  );
}
