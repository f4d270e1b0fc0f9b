import { defineWire } from "./wire-row.ts";

export const serverWire = defineWire({
  "server.identity": {
    method: "POST",
    path: "/api/compute/server/identity",
    callers: ["anyone"],
    errors: [],
    repeatable: true,
  },
});
