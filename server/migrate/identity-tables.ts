import { plain } from "./rows.ts";
import type { MovedTable } from "./tables.ts";

/** People, what they are signed in with, and the records of what they did. */
export const identityTables: readonly MovedTable[] = [
  {
    table: "compute_users",
    key: ["user_id"],
    columns: ["user_id", "name", "email", "password_hash", "password_set_at", "created_at"],
    documents: (row) => [plain(row)],
  },
  {
    table: "compute_businesses",
    key: ["business_id"],
    columns: ["business_id", "name", "created_at"],
    documents: (row) => [plain(row)],
  },
  {
    table: "compute_memberships",
    key: ["business_id", "user_id"],
    columns: ["business_id", "user_id", "role"],
    documents: (row) => [plain(row)],
  },
  {
    table: "compute_sessions",
    key: ["session_id"],
    columns: [
      "session_id",
      "user_id",
      "business_id",
      "generation",
      "rotated_at",
      "revoked_at",
      "created_at",
      "client_id",
    ],
    documents: (row) => [plain(row)],
  },
  {
    table: "compute_used_ids",
    key: ["id"],
    columns: ["id", "used_at"],
    documents: (row) => [plain(row)],
  },
  {
    table: "compute_trash",
    key: ["trash_id"],
    columns: ["trash_id", "business_id", "kind", "user_id", "items", "name", "deleted_at", "expires_at"],
    documents: (row) => [plain(row, { json: ["items"] })],
  },
  {
    table: "compute_audit_heads",
    key: ["business_id"],
    columns: ["business_id", "seq", "hash", "base_seq", "base_hash", "seal"],
    documents: (row) => [plain(row)],
  },
  {
    table: "compute_audit",
    key: ["business_id", "seq"],
    columns: ["business_id", "seq", "at", "event", "user_id", "entry", "hash"],
    documents: (row) => [plain(row)],
  },
];
