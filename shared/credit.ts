import { z } from "zod";
import { timestamp } from "./execution.ts";
import { executionId, idSchema, jobId } from "./ids.ts";
import { pool } from "./manifest.ts";
import { MAX_MICRO_USD } from "./money.ts";

/** What every user of a business is given at the beginning of each calendar month (UTC). $30. */
export const MONTHLY_GRANT_MICRO_USD = 30_000_000;

export const entryId = idSchema("crd");

const microUsd = z.int().min(0).max(MAX_MICRO_USD);
/** A change: below zero for what is taken. */
const changeMicroUsd = z.int().min(-MAX_MICRO_USD).max(MAX_MICRO_USD);
/** `2026-03`, by UTC. */
const month = z.string().regex(/^\d{4}-\d{2}$/);

/** What a user has in a business. */
export const creditBalance = z.object({
  /** To be spent now: the rest of the monthly grant and of other grants. */
  availableMicroUsd: microUsd,
  /** Set aside for jobs that run now; what they do not use comes back. */
  reservedMicroUsd: microUsd,
  /** Of what is available: the rest of this month's grant. It is spent first, and ends with the month. */
  monthlyMicroUsd: microUsd,
  /** Of what is available: what was granted otherwise. It stays. */
  lastingMicroUsd: microUsd,
  month,
  /** When the rest of this month's grant ends and the next one comes. */
  monthEndsAt: timestamp,
});
export type CreditBalance = z.infer<typeof creditBalance>;

export const creditEntryKind = z.enum([
  /** The grant of a month. */
  "MONTHLY_GRANT",
  /** What an owner gave. */
  "GRANT",
  /** The unused rest of a month's grant ended. */
  "EXPIRE",
  /** Set aside when a job was handed to a node, or ran longer than what was set aside lasts. */
  "RESERVE",
  /** What an execution cost. */
  "SETTLE",
  /** What was set aside and not used came back. */
  "RELEASE",
]);
export type CreditEntryKind = z.infer<typeof creditEntryKind>;

/** One line of the ledger; none is ever changed. `availableMicroUsd` is at any time the sum of all `amountMicroUsd`. */
export const creditEntry = z.object({
  entryId,
  kind: creditEntryKind,
  /** What it changed of what is available. */
  amountMicroUsd: changeMicroUsd,
  /** What it changed of what is reserved. */
  reservedMicroUsd: changeMicroUsd,
  /** What was available after it. */
  balanceMicroUsd: microUsd,
  /** Only of SETTLE: what the execution cost. */
  costMicroUsd: microUsd.optional(),
  jobId: jobId.optional(),
  executionId: executionId.optional(),
  /** In words, where there is something to say. */
  reason: z.string().optional(),
  /** Only of GRANT: the user who gave it. */
  grantedBy: z.string().optional(),
  createdAt: timestamp,
});
export type CreditEntry = z.infer<typeof creditEntry>;

const MAX_RATE_MICRO_USD = 1_000_000_000;

/** Micro-dollars for one second; to a thousandth of one, and so exact. */
const rate = z
  .number()
  .min(0)
  .max(MAX_RATE_MICRO_USD)
  .refine((value) => Math.abs(value * 1_000 - Math.round(value * 1_000)) < 1e-6, {
    error: "must have at most three places behind the point",
  });

export const price = z.strictObject({
  vcpuSecondMicroUsd: rate,
  gibSecondMicroUsd: rate,
  gpuSecondMicroUsd: rate,
});
export type Price = z.infer<typeof price>;

/** The name of a kind of node that has a price of its own. */
const sku = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
  error: "a SKU is 1 to 63 letters, digits and . _ -, beginning with a letter or digit",
});

/** A pool whose nodes are paid for. */
export const hostedPool = price.extend({ pool: z.string(), sku: z.string() });
export type HostedPool = z.infer<typeof hostedPool>;

/** What a job for a hosted pool would cost its user. */
export const costEstimate = z.object({
  sku: z.string(),
  /** For an hour of running. */
  hourMicroUsd: microUsd,
  /** What is set aside when it starts: for its time limit and grace, at most an hour. */
  reserveMicroUsd: microUsd,
  /** What the user has for it. */
  availableMicroUsd: microUsd,
});
export type CostEstimate = z.infer<typeof costEstimate>;

/** In the server's config file: which pools are hosted, and what they cost. Every other pool is free. */
export const poolsSetting = z.record(
  pool.unwrap(),
  z.strictObject({ hosted: z.boolean().default(false), sku: sku.optional() }),
);
export const pricesSetting = z.record(sku, price);
