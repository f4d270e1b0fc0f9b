import { defineWire } from "./wire-row.ts";

export const creditWire = defineWire({
  "credits.balance": {
    method: "POST",
    path: "/api/compute/credits/balance",
    callers: ["user"],
    errors: ["storage_failed"],
    repeatable: true,
  },
  "credits.ledger": {
    method: "POST",
    path: "/api/compute/credits/ledger",
    callers: ["user"],
    errors: ["storage_failed"],
    repeatable: true,
  },
  "credits.prices": {
    method: "POST",
    path: "/api/compute/credits/prices",
    callers: ["user"],
    errors: [],
    repeatable: true,
  },
  "credits.spend": {
    method: "POST",
    path: "/api/compute/credits/spend",
    callers: ["user"],
    errors: ["storage_failed"],
    repeatable: true,
  },
  "credits.grant": {
    method: "POST",
    path: "/api/compute/credits/grant",
    callers: ["user"],
    errors: ["not_found", "idempotency_key_reused", "storage_failed"],
    repeatable: false,
    idempotencyKey: true,
  },
});
