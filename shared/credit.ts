import { z } from "zod";
import { idSchema } from "./id-schema.ts";
import { executionId, jobId } from "./ids.ts";
import { pool } from "./job-fields.ts";
import { MAX_MICRO_USD } from "./money.ts";
import { timestamp } from "./timestamp.ts";

/** Granted to every user of a business at the start of each calendar month (UTC): $30. */
export const MONTHLY_GRANT_MICRO_USD = 30_000_000;

export const entryId = idSchema("crd");

const microUsd = z.int().min(0).max(MAX_MICRO_USD);
/** A change; negative if credit is taken. */
const changeMicroUsd = z.int().min(-MAX_MICRO_USD).max(MAX_MICRO_USD);
/** `2026-03`, in UTC. */
const month = z.string().regex(/^\d{4}-\d{2}$/);

/** A user's credit in a business. */
export const creditBalance = z.object({
  /** Can be spent now: what is left of the monthly grant and of other grants. */
  availableMicroUsd: microUsd,
  /** Set aside for running jobs; the unused part comes back. */
  reservedMicroUsd: microUsd,
  /** The part of `availableMicroUsd` left of this month's grant. It is spent first and expires with the month. */
  monthlyMicroUsd: microUsd,
  /** The part of `availableMicroUsd` from other grants. It does not expire. */
  lastingMicroUsd: microUsd,
  month,
  /** When this month's grant expires and the next is given. */
  monthEndsAt: timestamp,
});
export type CreditBalance = z.infer<typeof creditBalance>;

export const creditEntryKind = z.enum([
  /** A monthly grant. */
  "MONTHLY_GRANT",
  /** A grant by an owner. */
  "GRANT",
  /** The unused rest of a monthly grant expired. */
  "EXPIRE",
  /** Set aside when a job was handed to a node, or ran longer than its reservation covers. */
  "RESERVE",
  /** The cost of an execution. */
  "SETTLE",
  /** The unused part of a reservation came back. */
  "RELEASE",
]);
export type CreditEntryKind = z.infer<typeof creditEntryKind>;

/** A line of the ledger; lines never change. `availableMicroUsd` is always the sum of all `amountMicroUsd`. */
export const creditEntry = z.object({
  entryId,
  kind: creditEntryKind,
  /** Change of the available credit. */
  amountMicroUsd: changeMicroUsd,
  /** Change of the reserved credit. */
  reservedMicroUsd: changeMicroUsd,
  /** Available credit after this entry. */
  balanceMicroUsd: microUsd,
  /** Only for SETTLE: the cost of the execution. */
  costMicroUsd: microUsd.optional(),
  jobId: jobId.optional(),
  executionId: executionId.optional(),
  /** For people; optional. */
  reason: z.string().optional(),
  /** Only for GRANT: the user who granted it. */
  grantedBy: z.string().optional(),
  createdAt: timestamp,
});
export type CreditEntry = z.infer<typeof creditEntry>;

const MAX_RATE_MICRO_USD = 1_000_000_000;

/** Micro-dollars per second, in exact steps of a thousandth. */
const rate = z
  .number()
  .min(0)
  .max(MAX_RATE_MICRO_USD)
  .refine((value) => Math.abs(value * 1_000 - Math.round(value * 1_000)) < 1e-6, {
    error: "must have at most three decimal places",
  });

export const price = z.strictObject({
  vcpuSecondMicroUsd: rate,
  gibSecondMicroUsd: rate,
  gpuSecondMicroUsd: rate,
});
export type Price = z.infer<typeof price>;

/** The name of a kind of node with a price of its own. */
const sku = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
  error: "a SKU is 1 to 63 letters, digits and . _ -, beginning with a letter or digit",
});

/** A pool of nodes that cost credit. */
export const hostedPool = price.extend({ pool: z.string(), sku: z.string() });
export type HostedPool = z.infer<typeof hostedPool>;

/** The cost of a job in a hosted pool. */
export const costEstimate = z.object({
  sku: z.string(),
  /** Per hour of run time. */
  hourMicroUsd: microUsd,
  /** Set aside at the start: for the time limit and grace, at most an hour. */
  reserveMicroUsd: microUsd,
  /** The user's available credit. */
  availableMicroUsd: microUsd,
});
export type CostEstimate = z.infer<typeof costEstimate>;

/** `pools` of the server's config file: which pools are hosted, and their SKUs. Every other pool is free. */
export const poolsSetting = z.record(
  pool().unwrap(),
  z.strictObject({ hosted: z.boolean().default(false), sku: sku.optional() }),
);
export const pricesSetting = z.record(sku, price);

const spent = {
  costMicroUsd: microUsd,
  /** How many executions cost that. */
  executions: z.int().min(0),
};

/** What executions have cost. */
export const creditSpend = z.object({
  ...spent,
  /** The days, in UTC, on which something was settled; oldest first. */
  days: z.array(z.object({ day: z.iso.date(), ...spent })),
  /** The most expensive first: at most 100. A job that was deleted has no name. */
  jobs: z.array(
    z.object({ jobId, name: z.string().optional(), templateId: z.string().optional(), ...spent }),
  ),
  /**
   * The jobs of each template together, the most expensive template first: at most 100. A template that was deleted has no
   * name. Jobs that come from no template, or are deleted, are in none of them.
   */
  templates: z.array(z.object({ templateId: z.string(), name: z.string().optional(), ...spent })),
  /** Only the newest 20,000 entries of the ledger were added up: there are more, so the oldest days are not complete. */
  more: z.boolean(),
});
export type CreditSpend = z.infer<typeof creditSpend>;
