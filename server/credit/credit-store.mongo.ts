import type { ClientSession, Collection, Filter } from "mongodb";
import { Batches, type Waiting } from "../store/batches.ts";
import { ContentionError, isFasterElsewhere, type MongoStore, outlastOthers } from "../store/mongo.ts";
import { type AccountSums, auditOf } from "./audit.ts";
import {
  type BalanceDocument,
  balanceDocument,
  balanceFromDocument,
  type LedgerDocument,
  ledgerDocument,
  type ReservationDocument,
  recordFromDocument,
  reservationDocument,
  reservationFromDocument,
} from "./credit-documents.mongo.ts";
import type {
  Account,
  AccountAudit,
  CreditOperation,
  CreditOutcome,
  CreditStore,
  LedgerQuery,
  LedgerRecord,
  Reservation,
} from "./credit-store.ts";
import { keysOf, postOperation } from "./rules.ts";

type Call = Waiting<CreditOperation, CreditOutcome>;

const OPERATIONS_PER_BATCH = 200;

/**
 * Within this server, the operations on one account go in batches, one batch after the other. Between servers, the account's
 * version decides: a server that finds it changed reads and decides again.
 */
export class MongoCreditStore implements CreditStore {
  private readonly queues = new Map<string, Batches<CreditOperation, CreditOutcome>>();
  private readonly balances: Collection<BalanceDocument>;
  private readonly entries: Collection<LedgerDocument>;
  private readonly reserved: Collection<ReservationDocument>;

  constructor(private readonly store: MongoStore) {
    this.balances = store.collection("compute_credit_balances");
    this.entries = store.collection("compute_credit_ledger");
    this.reserved = store.collection("compute_credit_holds");
  }

  post(operations: readonly CreditOperation[]): Promise<CreditOutcome[]> {
    return Promise.all(operations.map((operation) => this.queueOf(operation).add(operation)));
  }

  ledger({ businessId, userId, sinceMs, beforeEntryId, limit }: LedgerQuery): Promise<LedgerRecord[]> {
    const where: Filter<LedgerDocument> = { business_id: businessId, user_id: userId };
    if (sinceMs !== undefined) where.created_at = { $gte: sinceMs };
    if (beforeEntryId !== undefined) where.entry_id = { $lt: beforeEntryId };
    return this.store.attempt(async () => {
      const found = await this.entries.find(where).sort({ entry_id: -1 }).limit(limit).toArray();
      return found.map(recordFromDocument);
    });
  }

  costs(businessId: string, jobIds: readonly string[]): Promise<Map<string, number>> {
    return this.store.attempt(async () => {
      const sums = this.entries.aggregate<{ _id: string; cost: number }>([
        { $match: { business_id: businessId, job_id: { $in: [...jobIds] }, cost_micro_usd: { $gte: 0 } } },
        { $group: { _id: "$job_id", cost: { $sum: "$cost_micro_usd" } } },
      ]);
      return new Map((await sums.toArray()).map((one) => [one._id, one.cost]));
    });
  }

  reservations(afterExecutionId: string, limit: number): Promise<Reservation[]> {
    return this.store.attempt(async () => {
      const found = this.reserved.find({ execution_id: { $gt: afterExecutionId } });
      return (await found.sort({ execution_id: 1 }).limit(limit).toArray()).map(reservationFromDocument);
    });
  }

  audit(): Promise<AccountAudit[]> {
    // One transaction, which reads everything as it was at one moment.
    return this.store.attempt(() => this.store.transaction((session) => this.auditIn(session)));
  }

  private async auditIn(session: ClientSession): Promise<AccountAudit[]> {
    const account = { businessId: "$_id.b", userId: "$_id.u", _id: 0, available: 1, reserved: 1 };
    const by = { b: "$business_id", u: "$user_id" };
    const sumsOf = <T extends object>(of: Collection<T>, available: unknown, reserved: unknown) =>
      of
        .aggregate<AccountSums>(
          [
            { $group: { _id: by, available: { $sum: available }, reserved: { $sum: reserved } } },
            { $project: account },
          ],
          { session, hint: { business_id: 1, user_id: 1 } },
        )
        .toArray();
    const availableSum = { $add: ["$monthly_micro_usd", "$lasting_micro_usd"] };
    const reservedSum = { $add: ["$expired_micro_usd", "$monthly_micro_usd", "$lasting_micro_usd"] };
    return auditOf(
      await sumsOf(this.balances, availableSum, "$reserved_micro_usd"),
      await sumsOf(this.entries, "$amount_micro_usd", "$reserved_micro_usd"),
      await sumsOf(this.reserved, 0, reservedSum),
    );
  }

  private queueOf({ businessId, userId }: CreditOperation): Batches<CreditOperation, CreditOutcome> {
    const name = `${businessId}/${userId}`;
    let queue = this.queues.get(name);
    if (!queue) {
      const made = new Batches<CreditOperation, CreditOutcome>(
        (calls) =>
          this.store.attempt(() => this.run({ businessId, userId }, calls)).finally(() => this.tidy()),
        { maxItems: OPERATIONS_PER_BATCH, maxInFlight: 1 },
      );
      queue = made;
      this.queues.set(name, queue);
    }
    return queue;
  }

  /** Forgets accounts without waiting operations. */
  private tidy(): void {
    for (const [name, queue] of this.queues) if (queue.idle) this.queues.delete(name);
  }

  private async run(of: { businessId: string; userId: string }, calls: readonly Call[]): Promise<void> {
    const operations = calls.map((call) => call.item);
    const outcomes = await outlastOthers(() => this.tryOnce(of, operations), isFasterElsewhere);
    for (const [i, call] of calls.entries()) {
      const outcome = outcomes[i];
      if (outcome) call.resolve(outcome);
    }
  }

  private async tryOnce(
    of: { businessId: string; userId: string },
    operations: readonly CreditOperation[],
  ): Promise<CreditOutcome[]> {
    const book = await this.read(of, operations);
    const outcomes = operations.map((operation) => book.post(operation));
    if (book.written.length > 0) await this.write(book);
    return outcomes;
  }

  private async read(
    { businessId, userId }: { businessId: string; userId: string },
    operations: readonly CreditOperation[],
  ): Promise<Book> {
    const keys = [...new Set(operations.flatMap(keysOf))];
    const ids = new Set(operations.flatMap((one) => ("executionId" in one ? [one.executionId] : [])));
    const [balance, reservations, entries] = await Promise.all([
      this.balances.findOne({ business_id: businessId, user_id: userId }),
      ids.size === 0
        ? []
        : this.reserved
            .find({ execution_id: { $in: [...ids] }, business_id: businessId, user_id: userId })
            .toArray(),
      keys.length === 0 ? [] : this.entries.find({ business_id: businessId, key: { $in: keys } }).toArray(),
    ]);
    return new Book(
      balance ?? undefined,
      reservations.map(reservationFromDocument),
      entries.map(recordFromDocument),
    );
  }

  private async write({ account, readVersion, written, reservations, touched }: Book): Promise<void> {
    if (!account) return;
    await this.store.transaction(async (session) => {
      if (readVersion === undefined) await this.balances.insertOne(balanceDocument(account, 1), { session });
      else {
        const { matchedCount } = await this.balances.updateOne(
          { business_id: account.businessId, user_id: account.userId, version: readVersion },
          { $set: balanceDocument(account, readVersion + 1) },
          { session },
        );
        if (matchedCount !== 1) throw new ContentionError("The account changed in between.");
      }
      await this.entries.insertMany(written.map(ledgerDocument), { session });
      const changes = [...touched].map((executionId) => {
        const reservation = reservations.get(executionId);
        const filter = { execution_id: executionId };
        return reservation
          ? { replaceOne: { filter, replacement: reservationDocument(reservation), upsert: true } }
          : { deleteOne: { filter } };
      });
      if (changes.length > 0) await this.reserved.bulkWrite(changes, { session });
    });
  }
}

/** One account as it was read, with the changes of the operations of a batch so far. */
class Book {
  account: Account | undefined;
  readonly readVersion: number | undefined;
  readonly reservations: Map<string, Reservation>;
  readonly written: LedgerRecord[] = [];
  /** The executions whose reservations have changed. */
  readonly touched = new Set<string>();
  private readonly entries: Map<string, LedgerRecord>;

  constructor(
    balance: BalanceDocument | undefined,
    reservations: readonly Reservation[],
    entries: readonly LedgerRecord[],
  ) {
    this.account = balance && balanceFromDocument(balance);
    this.readVersion = balance?.version;
    this.reservations = new Map(reservations.map((reservation) => [reservation.executionId, reservation]));
    this.entries = new Map(entries.map((entry) => [entry.key, entry]));
  }

  post(operation: CreditOperation): CreditOutcome {
    const executionId = "executionId" in operation ? operation.executionId : undefined;
    const reservation = executionId === undefined ? undefined : this.reservations.get(executionId);
    const posting = postOperation({ account: this.account, reservation, entries: this.entries }, operation);
    if (posting.entries.length === 0) return posting.outcome;
    this.account = posting.account;
    for (const entry of posting.entries) this.entries.set(entry.key, entry);
    this.written.push(...posting.entries);
    if (executionId === undefined) return posting.outcome;
    if (posting.reservation) this.reservations.set(executionId, posting.reservation);
    else this.reservations.delete(executionId);
    if (posting.reservation || reservation) this.touched.add(executionId);
    return posting.outcome;
  }
}
