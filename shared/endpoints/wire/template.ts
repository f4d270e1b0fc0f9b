import { defineWire } from "./wire-row.ts";

export const templateWire = defineWire({
  "templates.list": {
    method: "POST",
    path: "/api/compute/templates/list",
    callers: ["user"],
    errors: [],
    repeatable: true,
  },
  "templates.retrieve": {
    method: "POST",
    path: "/api/compute/templates/retrieve",
    callers: ["user"],
    errors: ["not_found"],
    repeatable: true,
  },
  "templates.create": {
    method: "POST",
    path: "/api/compute/templates/create",
    callers: ["user"],
    errors: ["conflict", "storage_failed"],
    repeatable: false,
  },
  "templates.edit": {
    method: "POST",
    path: "/api/compute/templates/edit",
    callers: ["user"],
    errors: ["not_found", "conflict", "forbidden", "storage_failed"],
    repeatable: true,
  },
  "templates.fork": {
    method: "POST",
    path: "/api/compute/templates/fork",
    callers: ["user"],
    errors: ["not_found", "conflict", "storage_failed"],
    repeatable: false,
  },
  "templates.delete": {
    method: "POST",
    path: "/api/compute/templates/delete",
    callers: ["user"],
    errors: ["not_found", "forbidden", "storage_failed"],
    repeatable: false,
  },
  "templates.versions": {
    method: "POST",
    path: "/api/compute/templates/versions",
    callers: ["user"],
    errors: ["not_found"],
    repeatable: true,
  },
  "templates.run": {
    method: "POST",
    path: "/api/compute/templates/run",
    callers: ["user"],
    errors: ["not_found", "idempotency_key_reused", "credit_exhausted", "storage_failed"],
    repeatable: false,
    idempotencyKey: true,
  },
  "templates.save-job": {
    method: "POST",
    path: "/api/compute/templates/save-job",
    callers: ["user"],
    errors: ["not_found", "conflict", "storage_failed"],
    repeatable: false,
  },
});
