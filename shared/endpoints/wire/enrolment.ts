import { defineWire } from "./wire-row.ts";

export const enrolmentWire = defineWire({
  "enrolments.create": {
    method: "POST",
    path: "/api/compute/enrolments/create",
    callers: ["user"],
    errors: ["storage_failed"],
    repeatable: false,
  },
  "enrolments.list": {
    method: "POST",
    path: "/api/compute/enrolments/list",
    callers: ["user"],
    errors: ["storage_failed"],
    repeatable: true,
  },
  "enrolments.revoke": {
    method: "POST",
    path: "/api/compute/enrolments/revoke",
    callers: ["user"],
    errors: ["not_found", "storage_failed"],
    repeatable: true,
  },
});
