import { defineWire } from "./wire-row.ts";

export const executionWire = defineWire({
  "executions.list": {
    method: "POST",
    path: "/api/compute/executions/list",
    callers: ["user"],
    errors: [],
    repeatable: true,
  },
  "executions.retrieve": {
    method: "POST",
    path: "/api/compute/executions/retrieve",
    callers: ["user"],
    errors: ["not_found"],
    repeatable: true,
  },
});
