import { formatUsd } from "../../shared/money.ts";
import type { Assigned, ExecutionStore } from "../execution/execution-store.ts";
import type { Metering, Refused } from "../execution/metering.ts";
import { type ExecutionRecord, isLive, type JobRecord } from "../job/job-record.ts";
import { Batches, type Waiting } from "../store/batches.ts";
import { availableOf, type CreditOutcome, type CreditStore, type Reservation } from "./credit-store.ts";
import { billFor, type Pricing } from "./pricing.ts";
import { coverOf, EXTEND_AHEAD_MS, extensionOf, runMsOf } from "./windows.ts";

export interface MeteringParts {
  credits: CreditStore;
  executions: ExecutionStore;
  pricing: Pricing;
  /** Epoch milliseconds. */
  now: () => number;
  onError: (what: string, error: unknown) => void;
  /** Called when the credit of somebody in this business has changed. */
  onChanged: (businessId: string) => void;
}

interface Ended {
  executionId: string;
  job: JobRecord;
}

const RESERVATIONS_PER_PAGE = 500;

/** Charges for jobs in hosted pools. Sets credit aside at assignment, more while the job runs on, and settles at the end. */
export class CreditMetering implements Metering {
  private readonly settling: Batches<Ended, void>;

  constructor(private readonly parts: MeteringParts) {
    this.settling = new Batches<Ended, void>((batch) => this.settle(batch), {
      maxItems: 200,
      maxInFlight: 1,
    });
  }

  isFree(pool: string): boolean {
    return !this.parts.pricing.has(pool);
  }

  async onAssigned(assigned: readonly Assigned[]): Promise<{ admitted: Assigned[]; refused: Refused[] }> {
    const { pricing, now } = this.parts;
    const billed = assigned.flatMap((one) => {
      const bill = billFor(pricing, one.job.manifest);
      return bill ? [{ one, bill }] : [];
    });
    if (billed.length === 0) return { admitted: [...assigned], refused: [] };
    const outcomes = await this.post(
      billed.map(({ one: { job, execution }, bill }) => ({
        kind: "reserve",
        businessId: job.businessId,
        userId: job.userId,
        nowMs: now(),
        executionId: execution.executionId,
        jobId: job.jobId,
        nodeId: execution.nodeId,
        bill,
        ...coverOf(job.manifest),
      })),
    );
    const refused = billed.flatMap(({ one }, i): Refused[] => {
      const outcome = outcomes[i];
      if (outcome?.result === "closed") return [{ assigned: one, why: "It has already ended." }];
      return outcome?.result === "refused" ? [{ assigned: one, why: whyRefused(one.job, outcome) }] : [];
    });
    const stopped = new Set(refused.map((one) => one.assigned));
    return { admitted: assigned.filter((one) => !stopped.has(one)), refused };
  }

  onEnded(ended: readonly Ended[]): void {
    const { pricing, onError } = this.parts;
    for (const one of ended) {
      if (!billFor(pricing, one.job.manifest)) continue;
      this.settling.add(one).catch((error) => onError("settling an execution", error));
    }
  }

  /**
   * Catches up on what was missed, for example when a server died: settles executions that have ended, and sets more aside
   * for those that run on. Resolves with the executions that run without any credit left, and with when to look again.
   */
  async reconcile(nowMs: number): Promise<{ unpaid: ExecutionRecord[]; nextDueAtMs: number | undefined }> {
    const unpaid: ExecutionRecord[] = [];
    let nextDueAtMs: number | undefined;
    let after = "";
    for (;;) {
      const reservations = await this.parts.credits.reservations(after, RESERVATIONS_PER_PAGE);
      for (const { execution, dueAtMs, isUnpaid } of await this.reconcilePage(reservations, nowMs)) {
        if (isUnpaid) unpaid.push(execution);
        if (dueAtMs !== undefined) nextDueAtMs = Math.min(dueAtMs, nextDueAtMs ?? dueAtMs);
      }
      const last = reservations.at(-1);
      if (!last || reservations.length < RESERVATIONS_PER_PAGE) return { unpaid, nextDueAtMs };
      after = last.executionId;
    }
  }

  private async reconcilePage(reservations: readonly Reservation[], nowMs: number) {
    const executions = await this.executionsOf(reservations);
    const found = reservations.flatMap((reservation) => {
      const execution = executions.get(reservation.executionId);
      return execution ? [{ reservation, execution }] : [];
    });
    const ended = found.filter(({ execution }) => !isLive(execution));
    await this.post(
      ended.map(({ reservation: { businessId, userId, executionId }, execution }) => ({
        kind: "settle",
        businessId,
        userId,
        executionId,
        nowMs,
        runMs: runMsOf(execution),
      })),
    );
    const running = found.flatMap(({ reservation, execution }) => {
      const { startedAtMs } = execution;
      if (!isLive(execution) || startedAtMs === undefined || reservation.coveredMs >= reservation.maxCoverMs)
        return [];
      return [{ reservation, execution, startedAtMs }];
    });
    const short = running.filter(({ reservation, startedAtMs }) => isShort(reservation, startedAtMs, nowMs));
    const outcomes = await this.post(
      short.map(({ reservation: { businessId, userId, executionId }, startedAtMs }) => ({
        kind: "extend",
        businessId,
        userId,
        executionId,
        nowMs,
        coverMs: extensionOf(nowMs - startedAtMs),
      })),
    );
    const refused = new Set(
      short.filter((_, i) => outcomes[i]?.result === "refused").map((one) => one.reservation),
    );
    return running.map(({ reservation, execution, startedAtMs }) => {
      const endsAtMs = startedAtMs + reservation.coveredMs;
      if (refused.has(reservation)) return { execution, isUnpaid: endsAtMs <= nowMs, dueAtMs: endsAtMs };
      return {
        execution,
        isUnpaid: false,
        dueAtMs: isShort(reservation, startedAtMs, nowMs) ? undefined : endsAtMs - EXTEND_AHEAD_MS,
      };
    });
  }

  private async executionsOf(reservations: readonly Reservation[]): Promise<Map<string, ExecutionRecord>> {
    const byNode = Map.groupBy(reservations, (reservation) => reservation.nodeId);
    const found = await Promise.all(
      [...byNode].map(([nodeId, some]) =>
        this.parts.executions.findOfNode(
          nodeId,
          some.map((reservation) => reservation.executionId),
        ),
      ),
    );
    return new Map(found.flat().map(({ execution }) => [execution.executionId, execution]));
  }

  private async settle(batch: readonly Waiting<Ended, void>[]): Promise<void> {
    const { executions, now } = this.parts;
    const operations = await Promise.all(
      batch.map(async ({ item: { executionId, job } }) => {
        const execution = await executions.find(job.businessId, executionId);
        if (!execution || isLive(execution)) return [];
        const { businessId, userId } = job;
        const runMs = runMsOf(execution);
        return [{ kind: "settle" as const, businessId, userId, executionId, nowMs: now(), runMs }];
      }),
    );
    await this.post(operations.flat());
    for (const one of batch) one.resolve();
  }

  private async post(operations: Parameters<CreditStore["post"]>[0]): Promise<CreditOutcome[]> {
    const outcomes = await this.parts.credits.post(operations);
    const changed = new Set(operations.map(({ businessId }) => businessId));
    for (const businessId of changed) this.parts.onChanged(businessId);
    return outcomes;
  }
}

function isShort(reservation: Reservation, startedAtMs: number, nowMs: number): boolean {
  return startedAtMs + reservation.coveredMs - nowMs <= EXTEND_AHEAD_MS;
}

function whyRefused({ manifest }: JobRecord, { account, neededMicroUsd = 0 }: CreditOutcome): string {
  const reserved =
    account.reservedMicroUsd > 0 ? ` (${formatUsd(account.reservedMicroUsd)} more is reserved)` : "";
  return (
    `It waits for credit: pool ${manifest.pool} needs ${formatUsd(neededMicroUsd)} set aside, and ` +
    `${formatUsd(availableOf(account))} is available${reserved}.`
  );
}
