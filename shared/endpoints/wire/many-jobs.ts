import { defineWire } from "./wire-row.ts";

export const manyJobsWire = defineWire({
  "jobs.why": {
    method: "POST",
    path: "/api/compute/jobs/why",
    callers: ["user"],
    errors: ["not_found"],
    repeatable: true,
  },
  "jobs.dry-run": {
    method: "POST",
    path: "/api/compute/jobs/dry-run",
    callers: ["user"],
    errors: ["storage_failed"],
    repeatable: true,
  },
  "jobs.submit-batch": {
    method: "POST",
    path: "/api/compute/jobs/submit-batch",
    callers: ["user"],
    errors: ["idempotency_key_reused", "credit_exhausted", "storage_failed"],
    repeatable: false,
    idempotencyKey: true,
  },
  "jobs.cancel-matching": {
    method: "POST",
    path: "/api/compute/jobs/cancel-matching",
    callers: ["user"],
    errors: ["storage_failed"],
    repeatable: true,
  },
  "jobs.delete": {
    method: "POST",
    path: "/api/compute/jobs/delete",
    callers: ["user"],
    errors: ["storage_failed"],
    repeatable: true,
  },
  "jobs.delete-matching": {
    method: "POST",
    path: "/api/compute/jobs/delete-matching",
    callers: ["user"],
    errors: ["storage_failed"],
    repeatable: true,
  },
  "jobs.retry-matching": {
    method: "POST",
    path: "/api/compute/jobs/retry-matching",
    callers: ["user"],
    errors: ["storage_failed"],
    repeatable: false,
  },
});
