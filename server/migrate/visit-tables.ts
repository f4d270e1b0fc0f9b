import { plain } from "./rows.ts";
import type { MovedTable } from "./tables.ts";

/** The browsers in which people are signed in, invitations, and links that are valid once. */
export const visitTables: readonly MovedTable[] = [
  {
    table: "compute_invitations",
    key: ["invitation_id"],
    columns: [
      "invitation_id",
      "token_hash",
      "business_id",
      "role",
      "email",
      "invited_by",
      "created_at",
      "expires_at",
    ],
    documents: (row) => [plain(row)],
  },
  {
    table: "compute_browser_sessions",
    key: ["session_id"],
    columns: [
      "session_id",
      "token_hash",
      "user_id",
      "created_at",
      "used_at",
      "expires_at",
      "from_address",
      "agent",
    ],
    documents: (row) => [plain(row)],
  },
  {
    table: "compute_one_time_links",
    key: ["token_hash"],
    columns: ["token_hash", "purpose", "user_id", "expires_at"],
    documents: (row) => [plain(row)],
  },
];
