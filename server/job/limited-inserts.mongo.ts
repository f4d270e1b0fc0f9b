import type { ClientSession } from "mongodb";
import { Batches, type Waiting } from "../store/batches.ts";
import { isFasterElsewhere, type MongoStore, outlastOthers } from "../store/mongo.ts";
import type { InsertOutcome, LimitedKey, NewJob, WithinLimits } from "./job-store.ts";
import { countOf } from "./job-store.ts";
import { MongoKeyUsage } from "./key-usage.mongo.ts";

interface Call {
  jobs: readonly NewJob[];
  key: LimitedKey;
  nowMs: number;
}

type Outcome = WithinLimits<InsertOutcome[]>;

/** Decides about jobs in a transaction without writing them, and writes those that were decided to be created. */
interface Inserts {
  decide(session: ClientSession, jobs: readonly NewJob[]): Promise<InsertOutcome[]>;
  write(session: ClientSession, jobs: readonly NewJob[], outcomes: readonly InsertOutcome[]): Promise<void>;
}

const CALLS_PER_BATCH = 200;

/**
 * Inserts within the limits of keys. Calls of one key that arrive together share one transaction, so servers that all get
 * calls of the same key meet once for many of them and not once for each.
 */
export class LimitedInserts {
  private readonly usage: MongoKeyUsage;
  private readonly batches = new Batches<Call, Outcome>((batch) => this.run(batch), {
    maxItems: CALLS_PER_BATCH,
    maxInFlight: 2,
  });

  constructor(
    private readonly store: MongoStore,
    private readonly inserts: Inserts,
  ) {
    this.usage = new MongoKeyUsage(store);
  }

  add(call: Call): Promise<Outcome> {
    return this.batches.add(call);
  }

  async hold(key: LimitedKey, jobs: number, nowMs: number): Promise<WithinLimits<string>> {
    const holdId = crypto.randomUUID();
    const outcome = await this.withUsage(key, (usage) => usage.take(key, jobs, nowMs, holdId));
    return outcome.kind === "refused" ? outcome : { ...outcome, result: holdId };
  }

  async release(apiKeyId: string, holdId: string): Promise<void> {
    await this.withUsage({ apiKeyId }, (usage) => usage.release(holdId));
  }

  private withUsage<Result>(
    key: LimitedKey,
    change: (usage: Awaited<ReturnType<MongoKeyUsage["open"]>>) => Result,
  ): Promise<Result> {
    const body = () =>
      this.store.transaction(async (session) => {
        const usage = await this.usage.open(key, session);
        const result = change(usage);
        await this.usage.save(key.apiKeyId, usage, session);
        return result;
      });
    return this.store.attempt(() => outlastOthers(body, isFasterElsewhere));
  }

  private async run(batch: readonly Waiting<Call, Outcome>[]): Promise<void> {
    const byKey = Map.groupBy(batch, ({ item }) => item.key.apiKeyId);
    await Promise.all(
      [...byKey.values()].map(async (calls) => {
        try {
          const outcomes = await this.together(calls.map(({ item }) => item));
          for (const [i, call] of calls.entries()) {
            const outcome = outcomes[i];
            if (outcome) call.resolve(outcome);
          }
        } catch (error) {
          for (const call of calls) call.reject(error);
        }
      }),
    );
  }

  /** Calls of one key, in their order. */
  private together(calls: readonly Call[]): Promise<Outcome[]> {
    const body = () => this.store.transaction((session) => this.each(session, calls));
    return this.store.attempt(() => outlastOthers(body, isFasterElsewhere));
  }

  private async each(session: ClientSession, calls: readonly Call[]): Promise<Outcome[]> {
    const [first] = calls;
    if (!first) return [];
    const usage = await this.usage.open(first.key, session);
    const all: Outcome[] = [];
    let hasTaken = false;
    for (const { jobs, key, nowMs } of calls) {
      const outcomes = await this.inserts.decide(session, jobs);
      const taken = usage.take(key, countOf(jobs, outcomes), nowMs);
      if (taken.kind === "refused") {
        all.push(taken);
        continue;
      }
      hasTaken = true;
      await this.inserts.write(session, jobs, outcomes);
      all.push({ ...taken, result: outcomes });
    }
    if (hasTaken) await this.usage.save(first.key.apiKeyId, usage, session);
    return all;
  }
}
