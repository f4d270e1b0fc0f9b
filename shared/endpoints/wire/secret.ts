import { defineWire } from "./wire-row.ts";

export const secretWire = defineWire({
  "secrets.set": {
    method: "POST",
    path: "/api/compute/secrets/set",
    callers: ["user"],
    errors: ["conflict", "storage_failed"],
    repeatable: true,
  },
  "secrets.list": {
    method: "POST",
    path: "/api/compute/secrets/list",
    callers: ["user"],
    errors: ["storage_failed"],
    repeatable: true,
  },
  "secrets.delete": {
    method: "POST",
    path: "/api/compute/secrets/delete",
    callers: ["user"],
    errors: ["storage_failed"],
    repeatable: true,
  },
});
