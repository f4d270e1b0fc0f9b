import { defineWire } from "./wire-row.ts";

export const scheduleWire = defineWire({
  "schedules.create": {
    method: "POST",
    path: "/api/compute/schedules/create",
    callers: ["user"],
    errors: ["not_found", "conflict", "storage_failed"],
    repeatable: false,
  },
  "schedules.retrieve": {
    method: "POST",
    path: "/api/compute/schedules/retrieve",
    callers: ["user"],
    errors: ["not_found"],
    repeatable: true,
  },
  "schedules.list": {
    method: "POST",
    path: "/api/compute/schedules/list",
    callers: ["user"],
    errors: [],
    repeatable: true,
  },
  "schedules.pause": {
    method: "POST",
    path: "/api/compute/schedules/pause",
    callers: ["user"],
    errors: ["not_found", "storage_failed"],
    repeatable: true,
  },
  "schedules.resume": {
    method: "POST",
    path: "/api/compute/schedules/resume",
    callers: ["user"],
    errors: ["not_found", "storage_failed"],
    repeatable: true,
  },
  "schedules.run": {
    method: "POST",
    path: "/api/compute/schedules/run",
    callers: ["user"],
    errors: ["not_found", "conflict", "storage_failed"],
    repeatable: false,
  },
  "schedules.delete": {
    method: "POST",
    path: "/api/compute/schedules/delete",
    callers: ["user"],
    errors: ["not_found", "storage_failed"],
    repeatable: false,
  },
  "schedules.fires": {
    method: "POST",
    path: "/api/compute/schedules/fires",
    callers: ["user"],
    errors: ["not_found"],
    repeatable: true,
  },
  "schedules.upcoming": {
    method: "POST",
    path: "/api/compute/schedules/upcoming",
    callers: ["user"],
    errors: ["not_found"],
    repeatable: true,
  },
  "schedules.preview": {
    method: "POST",
    path: "/api/compute/schedules/preview",
    callers: ["user"],
    errors: [],
    repeatable: true,
  },
});
