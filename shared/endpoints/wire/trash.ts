import { defineWire } from "./wire-row.ts";

export const trashWire = defineWire({
  "trash.list": {
    method: "POST",
    path: "/api/compute/trash/list",
    callers: ["user"],
    errors: [],
    repeatable: true,
  },
  "trash.restore": {
    method: "POST",
    path: "/api/compute/trash/restore",
    callers: ["user"],
    errors: ["not_found", "conflict", "storage_failed"],
    repeatable: false,
  },
  "trash.empty": {
    method: "POST",
    path: "/api/compute/trash/empty",
    callers: ["user"],
    errors: ["not_found", "storage_failed"],
    repeatable: true,
  },
});
