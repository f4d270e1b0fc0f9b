import { limits } from "../../limits.ts";
import { defineWire } from "./wire-row.ts";

export const jobWire = defineWire({
  "jobs.submit": {
    method: "POST",
    path: "/api/compute/jobs/submit",
    callers: ["user"],
    errors: ["idempotency_key_reused", "credit_exhausted", "storage_failed"],
    repeatable: false,
    idempotencyKey: true,
  },
  "jobs.retrieve": {
    method: "POST",
    path: "/api/compute/jobs/retrieve",
    callers: ["user"],
    errors: ["not_found"],
    repeatable: true,
    waitTicket: true,
    maxWaitSeconds: limits.maxWaitSeconds,
  },
  "jobs.wait-tickets": {
    method: "POST",
    path: "/api/compute/jobs/wait-tickets",
    callers: ["user"],
    errors: ["not_found"],
    repeatable: true,
    waitTicket: true,
  },
  "jobs.list": {
    method: "POST",
    path: "/api/compute/jobs/list",
    callers: ["user"],
    errors: [],
    repeatable: true,
    waitTicket: true,
  },
  "jobs.count": {
    method: "POST",
    path: "/api/compute/jobs/count",
    callers: ["user"],
    errors: [],
    repeatable: true,
  },
  "jobs.cancel": {
    method: "POST",
    path: "/api/compute/jobs/cancel",
    callers: ["user"],
    errors: ["not_found", "conflict", "storage_failed"],
    repeatable: true,
  },
  "jobs.retry": {
    method: "POST",
    path: "/api/compute/jobs/retry",
    callers: ["user"],
    errors: ["not_found", "conflict", "storage_failed"],
    repeatable: false,
  },
  "jobs.logs": {
    method: "GET",
    path: "/api/compute/jobs/{jobId}/logs/stream",
    aliases: ["/api/compute/jobs/{jobId}/logs"],
    callers: ["user"],
    errors: ["not_found"],
    repeatable: true,
    waitTicket: true,
    streams: true,
  },
});
