import { plain } from "./rows.ts";
import type { MovedTable } from "./tables.ts";

/** API keys, and how much of their limits is used. */
export const apiKeyTables: readonly MovedTable[] = [
  {
    table: "compute_api_keys",
    key: ["api_key_id"],
    columns: [
      "api_key_id",
      "business_id",
      "user_id",
      "session_id",
      "name",
      "key_hash",
      "role",
      "read_only",
      "max_jobs_per_hour",
      "max_concurrent",
      "allowed_job_types",
      "created_at",
      "expires_at",
      "revoked_at",
      "last_used_at",
    ],
    documents: (row) => [
      {
        ...plain(row, { json: ["allowed_job_types"], flags: ["read_only"] }),
        live_in: row.revoked_at === null ? row.business_id : undefined,
      },
    ],
  },
  {
    table: "compute_key_usage",
    key: ["api_key_id"],
    columns: ["api_key_id", "usage"],
    documents: (row) => [{ ...plain(row, { json: ["usage"] }), version: 1 }],
  },
];
