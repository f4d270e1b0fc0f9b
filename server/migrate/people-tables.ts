import { plain } from "./rows.ts";
import type { MovedTable } from "./tables.ts";

/** The tables of people, businesses and sign-ins. */
export const peopleTables: readonly MovedTable[] = [
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
    table: "compute_oauth_codes",
    key: ["code_hash"],
    columns: [
      "code_hash",
      "client_id",
      "redirect_uri",
      "code_challenge",
      "scope",
      "nonce",
      "user_id",
      "business_id",
      "visit_id",
      "created_at",
      "expires_at",
      "session_id",
    ],
    documents: (row) => [plain(row)],
  },
  {
    table: "compute_oauth_devices",
    key: ["device_hash"],
    columns: [
      "device_hash",
      "user_code",
      "client_id",
      "scope",
      "from_address",
      "agent",
      "created_at",
      "expires_at",
      "interval_seconds",
      "polled_at",
      "status",
      "user_id",
      "business_id",
      "session_id",
    ],
    documents: (row) => [plain(row)],
  },
];
