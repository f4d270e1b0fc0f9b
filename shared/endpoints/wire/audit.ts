import { defineWire } from "./wire-row.ts";

export const auditWire = defineWire({
  "audit.list": {
    method: "POST",
    path: "/api/compute/audit/list",
    callers: ["user"],
    errors: [],
    repeatable: true,
  },
});
