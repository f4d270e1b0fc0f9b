import { defineWire } from "./wire-row.ts";

export const memberWire = defineWire({
  "members.list": {
    method: "POST",
    path: "/api/compute/members/list",
    callers: ["user"],
    errors: ["storage_failed"],
    repeatable: true,
  },
  "members.invite": {
    method: "POST",
    path: "/api/compute/members/invite",
    callers: ["user"],
    errors: ["conflict", "storage_failed"],
    repeatable: false,
  },
  "members.invitations": {
    method: "POST",
    path: "/api/compute/members/invitations",
    callers: ["user"],
    errors: ["storage_failed"],
    repeatable: true,
  },
  "members.revoke-invitation": {
    method: "POST",
    path: "/api/compute/members/revoke-invitation",
    callers: ["user"],
    errors: ["not_found", "storage_failed"],
    repeatable: true,
  },
  "members.change-role": {
    method: "POST",
    path: "/api/compute/members/change-role",
    callers: ["user"],
    errors: ["not_found", "conflict", "storage_failed"],
    repeatable: true,
  },
  "members.remove": {
    method: "POST",
    path: "/api/compute/members/remove",
    callers: ["user"],
    errors: ["not_found", "conflict", "storage_failed"],
    repeatable: false,
  },
});
