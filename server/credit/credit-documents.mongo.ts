import { Long } from "mongodb";
import { collectionStep } from "../store/mongo-migrations.ts";
import type { Account, LedgerRecord, Reservation } from "./credit-store.ts";
import type { Bill } from "./pricing.ts";

/** A document of `compute_credit_balances`. Amounts are written as 64-bit integers and read as numbers. */
export interface BalanceDocument {
  business_id: string;
  user_id: string;
  month: string;
  monthly_micro_usd: Amount;
  lasting_micro_usd: Amount;
  reserved_micro_usd: Amount;
  /** Increases with every change. A write names the version that it was decided on. */
  version: number;
}

/** A document of `compute_credit_ledger`. Documents never change. */
export interface LedgerDocument {
  entry_id: string;
  business_id: string;
  user_id: string;
  key: string;
  kind: LedgerRecord["kind"];
  amount_micro_usd: Amount;
  reserved_micro_usd: Amount;
  balance_micro_usd: Amount;
  cost_micro_usd?: Amount;
  job_id?: string;
  execution_id?: string;
  reason?: string;
  granted_by?: string;
  created_at: number;
}

/** A document of `compute_credit_holds`. */
export interface ReservationDocument {
  execution_id: string;
  business_id: string;
  user_id: string;
  job_id: string;
  node_id: string;
  bill: Bill;
  covered_ms: number;
  max_cover_ms: number;
  month: string;
  expired_micro_usd: Amount;
  monthly_micro_usd: Amount;
  lasting_micro_usd: Amount;
}

type Amount = Long | number;

const text = { bsonType: "string" };
const whole = { bsonType: "long" };
const notBelowZero = { bsonType: "long", minimum: 0 };

export const creditSteps = [
  collectionStep(
    "credit-balances-1",
    "compute_credit_balances",
    [{ key: { business_id: 1, user_id: 1 }, unique: true }],
    {
      required: ["business_id", "user_id", "month", "monthly_micro_usd", "lasting_micro_usd", "version"],
      properties: {
        business_id: text,
        user_id: text,
        month: text,
        monthly_micro_usd: notBelowZero,
        lasting_micro_usd: notBelowZero,
        reserved_micro_usd: notBelowZero,
      },
    },
  ),
  collectionStep(
    "credit-ledger-1",
    "compute_credit_ledger",
    [
      { key: { entry_id: 1 }, unique: true },
      { key: { business_id: 1, key: 1 }, unique: true },
      { key: { business_id: 1, user_id: 1, entry_id: 1 } },
      { key: { business_id: 1, user_id: 1 } },
      {
        key: { business_id: 1, job_id: 1, cost_micro_usd: 1 },
        partialFilterExpression: { cost_micro_usd: { $gte: 0 } },
      },
    ],
    {
      required: [
        "entry_id",
        "business_id",
        "user_id",
        "key",
        "kind",
        "amount_micro_usd",
        "reserved_micro_usd",
      ],
      properties: { key: text, kind: text, amount_micro_usd: whole, reserved_micro_usd: whole },
    },
  ),
  collectionStep(
    "credit-holds-1",
    "compute_credit_holds",
    [{ key: { execution_id: 1 }, unique: true }, { key: { business_id: 1, user_id: 1 } }],
    {
      required: ["execution_id", "business_id", "user_id", "bill", "covered_ms"],
      properties: {
        expired_micro_usd: notBelowZero,
        monthly_micro_usd: notBelowZero,
        lasting_micro_usd: notBelowZero,
      },
    },
  ),
];

export function balanceDocument(account: Account, version: number): BalanceDocument {
  return {
    business_id: account.businessId,
    user_id: account.userId,
    month: account.month,
    monthly_micro_usd: Long.fromNumber(account.monthlyMicroUsd),
    lasting_micro_usd: Long.fromNumber(account.lastingMicroUsd),
    reserved_micro_usd: Long.fromNumber(account.reservedMicroUsd),
    version,
  };
}

export function balanceFromDocument(document: BalanceDocument): Account {
  return {
    businessId: document.business_id,
    userId: document.user_id,
    month: document.month,
    monthlyMicroUsd: Number(document.monthly_micro_usd),
    lastingMicroUsd: Number(document.lasting_micro_usd),
    reservedMicroUsd: Number(document.reserved_micro_usd),
  };
}

export function ledgerDocument(record: LedgerRecord): LedgerDocument {
  return {
    entry_id: record.entryId,
    business_id: record.businessId,
    user_id: record.userId,
    key: record.key,
    kind: record.kind,
    amount_micro_usd: Long.fromNumber(record.amountMicroUsd),
    reserved_micro_usd: Long.fromNumber(record.reservedMicroUsd),
    balance_micro_usd: Long.fromNumber(record.balanceMicroUsd),
    cost_micro_usd: record.costMicroUsd === undefined ? undefined : Long.fromNumber(record.costMicroUsd),
    job_id: record.jobId,
    execution_id: record.executionId,
    reason: record.reason,
    granted_by: record.grantedBy,
    created_at: record.createdAtMs,
  };
}

export function recordFromDocument(document: LedgerDocument): LedgerRecord {
  return {
    entryId: document.entry_id,
    businessId: document.business_id,
    userId: document.user_id,
    key: document.key,
    kind: document.kind,
    amountMicroUsd: Number(document.amount_micro_usd),
    reservedMicroUsd: Number(document.reserved_micro_usd),
    balanceMicroUsd: Number(document.balance_micro_usd),
    costMicroUsd: document.cost_micro_usd === undefined ? undefined : Number(document.cost_micro_usd),
    jobId: document.job_id,
    executionId: document.execution_id,
    reason: document.reason,
    grantedBy: document.granted_by,
    createdAtMs: document.created_at,
  };
}

export function reservationDocument(reservation: Reservation): ReservationDocument {
  return {
    execution_id: reservation.executionId,
    business_id: reservation.businessId,
    user_id: reservation.userId,
    job_id: reservation.jobId,
    node_id: reservation.nodeId,
    bill: reservation.bill,
    covered_ms: reservation.coveredMs,
    max_cover_ms: reservation.maxCoverMs,
    month: reservation.month,
    expired_micro_usd: Long.fromNumber(reservation.expiredMicroUsd),
    monthly_micro_usd: Long.fromNumber(reservation.monthlyMicroUsd),
    lasting_micro_usd: Long.fromNumber(reservation.lastingMicroUsd),
  };
}

export function reservationFromDocument(document: ReservationDocument): Reservation {
  return {
    executionId: document.execution_id,
    businessId: document.business_id,
    userId: document.user_id,
    jobId: document.job_id,
    nodeId: document.node_id,
    bill: document.bill,
    coveredMs: document.covered_ms,
    maxCoverMs: document.max_cover_ms,
    month: document.month,
    expiredMicroUsd: Number(document.expired_micro_usd),
    monthlyMicroUsd: Number(document.monthly_micro_usd),
    lastingMicroUsd: Number(document.lasting_micro_usd),
  };
}
