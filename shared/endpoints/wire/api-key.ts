import { defineWire } from "./wire-row.ts";

export const apiKeyWire = defineWire({
  "api-keys.create": {
    method: "POST",
    path: "/api/compute/api-keys/create",
    callers: ["user"],
    errors: ["conflict", "storage_failed"],
    repeatable: false,
  },
  "api-keys.list": {
    method: "POST",
    path: "/api/compute/api-keys/list",
    callers: ["user"],
    errors: ["storage_failed"],
    repeatable: true,
  },
  "api-keys.revoke": {
    method: "POST",
    path: "/api/compute/api-keys/revoke",
    callers: ["user"],
    errors: ["not_found", "storage_failed"],
    repeatable: true,
  },
});
