import { z } from "zod";
import { accountName } from "../auth.ts";
import { creditBalance, creditEntry, creditSpend, hostedPool, MONTHLY_GRANT_MICRO_USD } from "../credit.ts";
import { idSchema } from "../id-schema.ts";
import { MICRO_USD_PER_USD } from "../money.ts";
import { timestamp } from "../timestamp.ts";
import { defineEndpoints } from "./endpoint.ts";
import { pageInput, pageOutput } from "./page.ts";
import { creditWire } from "./wire/credit.ts";

const MAX_GRANT_MICRO_USD = 1_000_000 * MICRO_USD_PER_USD;

export const creditEndpoints = defineEndpoints(creditWire, {
  "credits.balance": {
    right: "credits.read",
    summary: `The caller's credit in this business. Each month starts with $${MONTHLY_GRANT_MICRO_USD / MICRO_USD_PER_USD}.`,
    input: z.strictObject({}),
    output: creditBalance,
  },
  "credits.ledger": {
    right: "credits.read",
    summary: "The changes to the caller's credit in this business, newest first.",
    input: z.strictObject({
      ...pageInput,
      /** Only entries made at this time or later. */
      since: timestamp.optional(),
    }),
    output: z.object({ entries: z.array(creditEntry), ...pageOutput }),
  },
  "credits.prices": {
    right: "credits.read",
    summary: "The hosted pools and what their nodes cost. Nodes of every other pool are free.",
    input: z.strictObject({}),
    output: z.object({ pools: z.array(hostedPool) }),
  },
  "credits.spend": {
    right: "credits.read",
    summary: "What the caller's executions have cost in this business: per day, per job and per template.",
    input: z.strictObject({
      /** Only executions settled at this time or later; default: 30 days ago. */
      since: timestamp.optional(),
    }),
    output: creditSpend,
  },
  "credits.grant": {
    right: "credits.grant",
    summary:
      "Grant a user of this business credit that does not expire with the month. Only owners may do this.",
    input: z.strictObject({
      /** Name or id of the user who gets it. */
      user: z.union([idSchema("usr"), accountName], { error: "must be the name or the id of a user" }),
      amountMicroUsd: z.int().min(1).max(MAX_GRANT_MICRO_USD),
      reason: z.string().trim().min(1).max(500),
    }),
    output: creditEntry,
  },
});
