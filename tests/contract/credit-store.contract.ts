import { describe, expect, test } from "bun:test";
import { type CreditOperation, type CreditStore, isSound } from "../../server/credit/credit-store.ts";
import type { Bill } from "../../server/credit/pricing.ts";
import { newId } from "../../shared/ids.ts";
import { seeded } from "../support/seeded.ts";

const DAY_MS = 86_400_000;
const AT_MS = Date.parse("2026-03-15T12:00:00Z");
const NEXT_MONTH_MS = Date.parse("2026-04-01T00:00:00Z");
const GRANT = 30_000_000;
const RANDOM_OPERATIONS = 10_000;

/** A cent per second. */
const bill: Bill = {
  sku: "std",
  price: { vcpuSecondMicroUsd: 10_000, gibSecondMicroUsd: 0, gpuSecondMicroUsd: 0 },
  resources: { cpu: 1, memoryMb: 1_024, gpuCount: 0 },
};

/** An empty store. If servers can share it, also the same store as another server sees it. */
export interface OpenCredits extends AsyncDisposable {
  store: CreditStore;
  other?: CreditStore;
}

/** What every credit store promises. The result of `open` is closed after each test. */
export function creditStoreContract(name: string, open: () => Promise<OpenCredits>) {
  describe(`${name}: credit`, () => {
    const world = async () => {
      const opened = await open();
      return new World(opened);
    };

    test("each month begins with its grant, once, and what was left of the previous grant ends", async () => {
      await using at = await world();
      const looks = await Promise.all(Array.from({ length: 20 }, () => at.post({ kind: "grantMonthly" })));
      expect(looks.map((one) => one.account.monthlyMicroUsd)).toEqual(Array(20).fill(GRANT));
      await at.post({ kind: "grant", ...gift("k"), amountMicroUsd: 5 });
      at.nowMs = NEXT_MONTH_MS;
      const next = await at.post({ kind: "grantMonthly" });
      expect(next.account).toMatchObject({ month: "2026-04", monthlyMicroUsd: GRANT, lastingMicroUsd: 5 });
      const entries = await at.entries();
      expect(entries.map((entry) => [entry.kind, entry.amountMicroUsd, entry.balanceMicroUsd])).toEqual([
        ["MONTHLY_GRANT", GRANT, GRANT + 5],
        ["EXPIRE", -GRANT, 5],
        ["GRANT", 5, GRANT + 5],
        ["MONTHLY_GRANT", GRANT, GRANT],
      ]);
      // A server whose clock is behind takes nothing back.
      at.nowMs = NEXT_MONTH_MS - 1;
      expect((await at.post({ kind: "grantMonthly" })).result).toBe("repeated");
      await at.expectSound();
    });

    test("reserved credit that is not used comes back; the used part is the cost of the job", async () => {
      await using at = await world();
      const one = at.execution();
      const reserved = await at.reserve(one, 60_000);
      expect(reserved).toMatchObject({ result: "posted", account: { reservedMicroUsd: 600_000 } });
      expect((await at.reserve(one, 60_000)).result).toBe("repeated");
      const settled = await at.settle(one, 12_345);
      expect(settled.account).toMatchObject({ reservedMicroUsd: 0, monthlyMicroUsd: GRANT - 123_450 });
      expect((await at.settle(one, 99_999)).result).toBe("repeated");
      expect((await at.reserve(one, 60_000)).result).toBe("closed");
      expect(await at.store.costs(at.businessId, [one.jobId, newId("job")])).toEqual(
        new Map([[one.jobId, 123_450]]),
      );
      expect(await at.store.costs(newId("biz"), [one.jobId])).toEqual(new Map());
      await at.expectSound();
    });

    test("of two concurrent reservations of the last credit one succeeds, and nobody gets more than there is", async () => {
      await using at = await world();
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => at.reserve(at.execution(), 1_000_000)),
      );
      expect(outcomes.filter((one) => one.result === "posted").length).toBe(3);
      expect(outcomes.find((one) => one.result === "refused")?.neededMicroUsd).toBe(10_000_000);
      await at.expectSound();
    });

    test("a job that keeps running reserves more, finally only the rest of the balance, and then nothing", async () => {
      await using at = await world();
      const one = at.execution();
      await at.reserve(one, 1_000_000, 10_000_000);
      const extend = (coverMs: number) => at.post({ kind: "extend", executionId: one.executionId, coverMs });
      expect((await extend(2_000_000)).account.reservedMicroUsd).toBe(20_000_000);
      expect((await extend(1_500_000)).result).toBe("repeated");
      expect((await extend(4_000_000)).account).toMatchObject({
        reservedMicroUsd: GRANT,
        monthlyMicroUsd: 0,
      });
      expect((await extend(4_000_000)).result).toBe("refused");
      const [reservation] = await at.store.reservations("", 10);
      expect(reservation).toMatchObject({ ...one, coveredMs: 3_000_000, maxCoverMs: 10_000_000 });
      // Usage beyond that is not charged: there is nothing left to take it from.
      const settled = await at.settle(one, 3_100_000);
      expect(settled.account).toMatchObject({ reservedMicroUsd: 0, monthlyMicroUsd: 0, lastingMicroUsd: 0 });
      expect(await at.store.costs(at.businessId, [one.jobId])).toEqual(new Map([[one.jobId, GRANT]]));
      expect((await extend(9_000_000)).result).toBe("closed");
      await at.expectSound();
    });

    test("credit that was reserved from an expired monthly grant does not come back", async () => {
      await using at = await world();
      await at.post({ kind: "grant", ...gift("k"), amountMicroUsd: 10_000_000 });
      const one = at.execution();
      await at.reserve(one, 3_500_000);
      at.nowMs = NEXT_MONTH_MS;
      const settled = await at.settle(one, 1_000_000);
      expect(settled.account).toMatchObject({ monthlyMicroUsd: GRANT, lastingMicroUsd: 10_000_000 });
      const expired = (await at.entries()).find((entry) => entry.executionId && entry.kind === "EXPIRE");
      expect(expired).toMatchObject({ amountMicroUsd: 0, reservedMicroUsd: -20_000_000 });
      await at.expectSound();
    });

    test("a grant with one key is given once; another grant with the key is refused", async () => {
      await using at = await world();
      const grants = await Promise.all(
        Array.from({ length: 20 }, () => at.post({ kind: "grant", ...gift("k"), amountMicroUsd: 7 })),
      );
      expect(grants.filter((one) => one.result === "posted").length).toBe(1);
      expect(new Set(grants.map((one) => one.entry?.entryId)).size).toBe(1);
      expect((await at.post({ kind: "grant", ...gift("k"), amountMicroUsd: 8 })).result).toBe("key-reused");
      const elsewhere = { ...at.who(), userId: newId("usr") };
      const [other] = await at.store.post([{ ...elsewhere, kind: "grant", ...gift("k"), amountMicroUsd: 7 }]);
      expect(other?.result).toBe("key-reused");
      await at.expectSound();
    });

    test("the same user has a separate account in another business, which cannot settle reservations of the first", async () => {
      await using at = await world();
      const one = at.execution();
      await at.reserve(one, 60_000);
      const stranger = { businessId: newId("biz"), userId: at.userId, nowMs: at.nowMs };
      const [settled] = await at.store.post([
        { ...stranger, kind: "settle", executionId: one.executionId, runMs: 0 },
      ]);
      expect(settled).toMatchObject({ result: "closed", account: { reservedMicroUsd: 0 } });
      const query = { sinceMs: undefined, beforeEntryId: undefined, limit: 10 };
      const seen = await at.store.ledger({ ...stranger, ...query });
      expect(seen.map((entry) => entry.kind)).toEqual(["MONTHLY_GRANT"]);
      expect((await at.store.reservations("", 10)).length).toBe(1);
      await at.expectSound();
    });

    test("the ledger is newest first, paged, and can begin at a time", async () => {
      await using at = await world();
      for (const key of ["a", "b", "c"]) {
        at.nowMs += 1_000;
        await at.post({ kind: "grant", ...gift(key), amountMicroUsd: 1 });
      }
      const all = await at.entries();
      expect(all.map((entry) => entry.kind)).toEqual(["GRANT", "GRANT", "GRANT", "MONTHLY_GRANT"]);
      const since = await at.entries({ sinceMs: AT_MS + 2_000 });
      expect(since.map((entry) => entry.key)).toEqual(["grant:c", "grant:b"]);
      const rest = await at.entries({ beforeEntryId: since[1]?.entryId, limit: 1 });
      expect(rest.map((entry) => entry.entryId)).toEqual([all[2]?.entryId ?? ""]);
    });

    test(`${RANDOM_OPERATIONS} random operations, raced and repeated: no balance below zero, and every sum correct at any time`, () =>
      randomOperations(world));
  });
}

const gift = (key: string) => ({ key, reason: "a gift", grantedBy: "usr" });

interface Execution {
  executionId: string;
  jobId: string;
  nodeId: string;
}

/** One account of an open store, and a clock. */
class World implements AsyncDisposable {
  readonly businessId = newId("biz");
  readonly userId = newId("usr");
  nowMs = AT_MS;

  constructor(private readonly opened: OpenCredits) {}

  get store(): CreditStore {
    return this.opened.store;
  }

  /** One of the servers that share the store, if there are several. */
  serverOf(number: number): CreditStore {
    return (number % 2 === 1 ? this.opened.other : undefined) ?? this.opened.store;
  }

  who() {
    return { businessId: this.businessId, userId: this.userId, nowMs: this.nowMs };
  }

  async post(what: DistributiveOmit<CreditOperation, "businessId" | "userId" | "nowMs">) {
    const [outcome] = await this.store.post([{ ...this.who(), ...what } as CreditOperation]);
    if (!outcome) throw new Error("an operation without an outcome");
    return outcome;
  }

  execution(): Execution {
    return { executionId: newId("exe"), jobId: newId("job"), nodeId: newId("node") };
  }

  reserve(one: Execution, coverMs: number, maxCoverMs = coverMs) {
    return this.post({ kind: "reserve", ...one, bill, coverMs, maxCoverMs });
  }

  settle({ executionId }: Execution, runMs: number) {
    return this.post({ kind: "settle", executionId, runMs });
  }

  entries(where: { sinceMs?: number; beforeEntryId?: string; limit?: number } = {}) {
    const { businessId, userId } = this;
    return this.store.ledger({
      businessId,
      userId,
      sinceMs: undefined,
      beforeEntryId: undefined,
      limit: 100,
      ...where,
    });
  }

  async expectSound(): Promise<void> {
    const audits = await this.store.audit();
    expect(audits.length).toBeGreaterThan(0);
    expect(audits.filter((audit) => !isSound(audit))).toEqual([]);
  }

  [Symbol.asyncDispose]() {
    return this.opened[Symbol.asyncDispose]();
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/**
 * Few executions and users, so that operations collide. A third of all operations is sent twice, and several months
 * pass.
 */
async function randomOperations(open: () => Promise<World>): Promise<void> {
  await using at = await open();
  const random = seeded(20_260_315);
  const pick = (below: number) => Math.floor(random() * below);
  const users = Array.from({ length: 3 }, () => newId("usr"));
  const executions = Array.from({ length: 1_500 }, (_, i) => ({
    ...at.execution(),
    user: users[i % 3] ?? "",
  }));
  const settledOnce = new Map<string, number>();
  let left = RANDOM_OPERATIONS;
  const sent: CreditOperation[] = [];
  while (left > 0) {
    at.nowMs += pick(DAY_MS);
    const batch = Array.from({ length: Math.min(left, 1 + pick(120)) }, () => {
      const again = sent[pick(sent.length)];
      return again && random() < 0.33 ? again : randomOperation(at, executions, pick);
    });
    left -= batch.length;
    sent.push(...batch);
    // Some in groups, the rest one by one, all concurrently.
    const together = batch.slice(0, batch.length / 2);
    const outcomes = await Promise.all([
      at.store.post(together),
      ...batch.slice(together.length).map((one, i) => at.serverOf(i).post([one])),
    ]);
    for (const [i, { result, account }] of outcomes.flat().entries()) {
      const { monthlyMicroUsd, lastingMicroUsd, reservedMicroUsd } = account;
      expect(Math.min(monthlyMicroUsd, lastingMicroUsd, reservedMicroUsd)).toBeGreaterThanOrEqual(0);
      const operation = batch[i];
      if (operation?.kind !== "settle" || result !== "posted") continue;
      settledOnce.set(operation.executionId, (settledOnce.get(operation.executionId) ?? 0) + 1);
    }
    if (left % 10 === 0) await at.expectSound();
  }
  await at.expectSound();
  expect(settledOnce.size).toBeGreaterThan(100);
  expect([...settledOnce.values()].filter((times) => times !== 1)).toEqual([]);
  // When all executions have ended, nothing is reserved any more.
  const unsettled = await at.store.reservations("", 10_000);
  await at.store.post(
    unsettled.map(({ businessId, userId, executionId }) => ({
      businessId,
      userId,
      executionId,
      nowMs: at.nowMs,
      kind: "settle" as const,
      runMs: 1_000,
    })),
  );
  expect(await at.store.reservations("", 10)).toEqual([]);
  expect((await at.store.audit()).map((audit) => audit.reservedMicroUsd)).toEqual([0, 0, 0]);
  await at.expectSound();
}

function randomOperation(
  at: World,
  executions: readonly (Execution & { user: string })[],
  pick: (below: number) => number,
): CreditOperation {
  const { user, ...one } = executions[pick(executions.length)] ?? { ...at.execution(), user: at.userId };
  const who = { businessId: at.businessId, userId: user, nowMs: at.nowMs };
  const { executionId } = one;
  switch (pick(8)) {
    case 0:
      return { ...who, kind: "grantMonthly" };
    case 1:
      return { ...who, kind: "grant", ...gift(`${user}-${pick(400)}`), amountMicroUsd: 1 + pick(500_000) };
    case 2:
    case 3:
    case 4: {
      const coverMs = pick(400_000);
      return { ...who, kind: "reserve", ...one, bill, coverMs, maxCoverMs: coverMs * 3 };
    }
    case 5:
      return { ...who, kind: "extend", executionId, coverMs: pick(1_200_000) };
    default:
      return { ...who, kind: "settle", executionId, runMs: pick(800_000) };
  }
}
