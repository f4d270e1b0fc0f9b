import { plain } from "./rows.ts";
import type { MovedTable } from "./tables.ts";

/** Passkeys, and what keeps sign-ins safe. */
export const signInTables: readonly MovedTable[] = [
  {
    table: "compute_passkeys",
    key: ["passkey_id"],
    columns: [
      "passkey_id",
      "user_id",
      "rp_id",
      "public_key",
      "counter",
      "transports",
      "name",
      "created_at",
      "last_used_at",
    ],
    documents: (row) => [plain(row, { json: ["transports"] })],
  },
  {
    table: "compute_one_time_values",
    key: ["key"],
    columns: ["key", "value", "reads", "ends_at"],
    documents: (row) => [plain(row)],
  },
  {
    table: "compute_tries",
    key: ["key"],
    columns: ["key", "tries", "last_at", "free_at", "keep_until"],
    documents: (row) => [plain(row)],
  },
];
