import type { SQLQueryBindings } from "bun:sqlite";
import type { Migration, SqliteStore } from "../store/sqlite.ts";
import { type AccountSums, auditOf } from "./audit.ts";
import {
  type Account,
  type AccountAudit,
  availableOf,
  type CreditOperation,
  type CreditOutcome,
  type CreditStore,
  type LedgerQuery,
  type LedgerRecord,
  type Reservation,
} from "./credit-store.ts";
import { keysOf, type Page, type Posting, postOperation } from "./rules.ts";

export const creditMigrations: Migration[] = [
  {
    id: "credit-1",
    sql: `
      CREATE TABLE compute_credit_balances (
        business_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        month TEXT NOT NULL,
        monthly_micro_usd INTEGER NOT NULL CHECK (monthly_micro_usd >= 0),
        lasting_micro_usd INTEGER NOT NULL CHECK (lasting_micro_usd >= 0),
        reserved_micro_usd INTEGER NOT NULL CHECK (reserved_micro_usd >= 0),
        PRIMARY KEY (business_id, user_id)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE compute_credit_ledger (
        entry_id TEXT PRIMARY KEY,
        business_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        key TEXT NOT NULL,
        kind TEXT NOT NULL,
        amount_micro_usd INTEGER NOT NULL,
        reserved_micro_usd INTEGER NOT NULL,
        balance_micro_usd INTEGER NOT NULL,
        cost_micro_usd INTEGER,
        job_id TEXT,
        execution_id TEXT,
        reason TEXT,
        granted_by TEXT,
        created_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE UNIQUE INDEX compute_credit_ledger_by_key ON compute_credit_ledger (business_id, key);
      CREATE INDEX compute_credit_ledger_by_age ON compute_credit_ledger (business_id, user_id, entry_id);
      CREATE INDEX compute_credit_ledger_costs ON compute_credit_ledger (business_id, job_id, cost_micro_usd)
        WHERE cost_micro_usd IS NOT NULL;
      CREATE TRIGGER compute_credit_ledger_keeps BEFORE UPDATE ON compute_credit_ledger
        BEGIN SELECT RAISE(ABORT, 'entries of the ledger are never changed'); END;
      CREATE TRIGGER compute_credit_ledger_holds BEFORE DELETE ON compute_credit_ledger
        BEGIN SELECT RAISE(ABORT, 'entries of the ledger are never removed'); END;
      CREATE TABLE compute_credit_holds (
        execution_id TEXT PRIMARY KEY,
        business_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        job_id TEXT NOT NULL,
        node_id TEXT NOT NULL,
        bill TEXT NOT NULL,
        covered_ms INTEGER NOT NULL,
        max_cover_ms INTEGER NOT NULL,
        month TEXT NOT NULL,
        expired_micro_usd INTEGER NOT NULL CHECK (expired_micro_usd >= 0),
        monthly_micro_usd INTEGER NOT NULL CHECK (monthly_micro_usd >= 0),
        lasting_micro_usd INTEGER NOT NULL CHECK (lasting_micro_usd >= 0)
      ) STRICT, WITHOUT ROWID;
    `,
  },
];

interface LedgerRow {
  entry_id: string;
  business_id: string;
  user_id: string;
  key: string;
  kind: LedgerRecord["kind"];
  amount_micro_usd: number;
  reserved_micro_usd: number;
  balance_micro_usd: number;
  cost_micro_usd: number | null;
  job_id: string | null;
  execution_id: string | null;
  reason: string | null;
  granted_by: string | null;
  created_at: number;
}

interface ReservationRow {
  execution_id: string;
  business_id: string;
  user_id: string;
  job_id: string;
  node_id: string;
  bill: string;
  covered_ms: number;
  max_cover_ms: number;
  month: string;
  expired_micro_usd: number;
  monthly_micro_usd: number;
  lasting_micro_usd: number;
}

const ACCOUNT_COLUMNS = `business_id AS businessId, user_id AS userId, month, monthly_micro_usd AS monthlyMicroUsd,
  lasting_micro_usd AS lastingMicroUsd, reserved_micro_usd AS reservedMicroUsd`;

export class SqliteCreditStore implements CreditStore {
  constructor(private readonly store: SqliteStore) {}

  post(operations: readonly CreditOperation[]): Promise<CreditOutcome[]> {
    return this.store.write(() => operations.map((operation) => this.postOne(operation)));
  }

  async ledger(query: LedgerQuery): Promise<LedgerRecord[]> {
    const { businessId, userId, sinceMs, beforeEntryId, limit } = query;
    const where = ["business_id = $businessId", "user_id = $userId"];
    const bindings: Record<string, SQLQueryBindings> = { businessId, userId, limit };
    if (sinceMs !== undefined) {
      where.push("created_at >= $sinceMs");
      bindings.sinceMs = sinceMs;
    }
    if (beforeEntryId !== undefined) {
      where.push("entry_id < $beforeEntryId");
      bindings.beforeEntryId = beforeEntryId;
    }
    const sql = `SELECT * FROM compute_credit_ledger WHERE ${where.join(" AND ")} ORDER BY entry_id DESC LIMIT $limit`;
    return this.store.all<LedgerRow>(sql, bindings).map(recordFromRow);
  }

  async costs(businessId: string, jobIds: readonly string[]): Promise<Map<string, number>> {
    const rows = this.store.all<{ job_id: string; cost: number }>(
      `SELECT job_id, sum(cost_micro_usd) AS cost FROM compute_credit_ledger
       WHERE business_id = $businessId AND cost_micro_usd IS NOT NULL
         AND job_id IN (SELECT value FROM json_each($ids)) GROUP BY job_id`,
      { businessId, ids: JSON.stringify(jobIds) },
    );
    return new Map(rows.map((row) => [row.job_id, row.cost]));
  }

  async reservations(afterExecutionId: string, limit: number): Promise<Reservation[]> {
    const sql =
      "SELECT * FROM compute_credit_holds WHERE execution_id > $after ORDER BY execution_id LIMIT $limit";
    return this.store.all<ReservationRow>(sql, { after: afterExecutionId, limit }).map(reservationFromRow);
  }

  async audit(): Promise<AccountAudit[]> {
    const accounts = this.store.all<Account>(`SELECT ${ACCOUNT_COLUMNS} FROM compute_credit_balances`);
    const ledger = this.store.all<AccountSums>(
      `SELECT business_id AS businessId, user_id AS userId, sum(amount_micro_usd) AS available,
         sum(reserved_micro_usd) AS reserved
       FROM compute_credit_ledger GROUP BY business_id, user_id`,
    );
    const reservations = this.store.all<AccountSums>(
      `SELECT business_id AS businessId, user_id AS userId, 0 AS available,
         sum(expired_micro_usd + monthly_micro_usd + lasting_micro_usd) AS reserved
       FROM compute_credit_holds GROUP BY business_id, user_id`,
    );
    const balances = accounts.map((account) => ({
      ...account,
      available: availableOf(account),
      reserved: account.reservedMicroUsd,
    }));
    return auditOf(balances, ledger, reservations);
  }

  private postOne(operation: CreditOperation): CreditOutcome {
    const page = this.read(operation);
    const posting = postOperation(page, operation);
    if (posting.entries.length > 0) this.save(posting, page.reservation);
    return posting.outcome;
  }

  private read(operation: CreditOperation): Page {
    const { businessId, userId } = operation;
    const executionId = "executionId" in operation ? operation.executionId : undefined;
    const reservation =
      executionId === undefined
        ? undefined
        : this.store.get<ReservationRow>(
            `SELECT * FROM compute_credit_holds
             WHERE execution_id = $executionId AND business_id = $businessId AND user_id = $userId`,
            { executionId, businessId, userId },
          );
    const entries = new Map<string, LedgerRecord>();
    for (const key of keysOf(operation)) {
      const row = this.store.get<LedgerRow>(
        "SELECT * FROM compute_credit_ledger WHERE business_id = $businessId AND key = $key",
        { businessId, key },
      );
      if (row) entries.set(key, recordFromRow(row));
    }
    const account = this.store.get<Account>(
      `SELECT ${ACCOUNT_COLUMNS} FROM compute_credit_balances WHERE business_id = $businessId AND user_id = $userId`,
      { businessId, userId },
    );
    return { account, reservation: reservation && reservationFromRow(reservation), entries };
  }

  private save({ account, reservation, entries }: Posting, before: Reservation | undefined): void {
    this.store.run(
      `INSERT INTO compute_credit_balances
       VALUES ($businessId, $userId, $month, $monthlyMicroUsd, $lastingMicroUsd, $reservedMicroUsd)
       ON CONFLICT DO UPDATE SET month = excluded.month, monthly_micro_usd = excluded.monthly_micro_usd,
         lasting_micro_usd = excluded.lasting_micro_usd, reserved_micro_usd = excluded.reserved_micro_usd`,
      { ...account },
    );
    for (const entry of entries) this.insertEntry(entry);
    if (reservation) this.putReservation(reservation);
    else if (before) {
      this.store.run("DELETE FROM compute_credit_holds WHERE execution_id = $executionId", {
        executionId: before.executionId,
      });
    }
  }

  private insertEntry(entry: LedgerRecord): void {
    this.store.run(
      `INSERT INTO compute_credit_ledger (entry_id, business_id, user_id, key, kind, amount_micro_usd,
         reserved_micro_usd, balance_micro_usd, cost_micro_usd, job_id, execution_id, reason, granted_by, created_at)
       VALUES ($entryId, $businessId, $userId, $key, $kind, $amountMicroUsd, $reservedMicroUsd, $balanceMicroUsd,
         $costMicroUsd, $jobId, $executionId, $reason, $grantedBy, $createdAtMs)`,
      {
        ...entry,
        costMicroUsd: entry.costMicroUsd ?? null,
        jobId: entry.jobId ?? null,
        executionId: entry.executionId ?? null,
        reason: entry.reason ?? null,
        grantedBy: entry.grantedBy ?? null,
      },
    );
  }

  private putReservation(reservation: Reservation): void {
    this.store.run(
      `INSERT OR REPLACE INTO compute_credit_holds
       VALUES ($executionId, $businessId, $userId, $jobId, $nodeId, $bill, $coveredMs, $maxCoverMs, $month,
         $expiredMicroUsd, $monthlyMicroUsd, $lastingMicroUsd)`,
      { ...reservation, bill: JSON.stringify(reservation.bill) },
    );
  }
}

function recordFromRow(row: LedgerRow): LedgerRecord {
  return {
    entryId: row.entry_id,
    businessId: row.business_id,
    userId: row.user_id,
    key: row.key,
    kind: row.kind,
    amountMicroUsd: row.amount_micro_usd,
    reservedMicroUsd: row.reserved_micro_usd,
    balanceMicroUsd: row.balance_micro_usd,
    costMicroUsd: row.cost_micro_usd ?? undefined,
    jobId: row.job_id ?? undefined,
    executionId: row.execution_id ?? undefined,
    reason: row.reason ?? undefined,
    grantedBy: row.granted_by ?? undefined,
    createdAtMs: row.created_at,
  };
}

function reservationFromRow(row: ReservationRow): Reservation {
  return {
    executionId: row.execution_id,
    businessId: row.business_id,
    userId: row.user_id,
    jobId: row.job_id,
    nodeId: row.node_id,
    bill: JSON.parse(row.bill),
    coveredMs: row.covered_ms,
    maxCoverMs: row.max_cover_ms,
    month: row.month,
    expiredMicroUsd: row.expired_micro_usd,
    monthlyMicroUsd: row.monthly_micro_usd,
    lastingMicroUsd: row.lasting_micro_usd,
  };
}
