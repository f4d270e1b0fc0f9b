import { describe, expect, test } from "bun:test";
import { MONTHLY_GRANT_MICRO_USD as GRANT } from "../../shared/credit.ts";
import {
  type Account,
  availableOf,
  type CreditOperation,
  type CreditOutcome,
  type LedgerRecord,
  type Reservation,
} from "./credit-store.ts";
import type { Bill } from "./pricing.ts";
import { keysOf, type Page, type Posting, postOperation } from "./rules.ts";

const NOW_MS = Date.parse("2026-03-15T12:00:00Z");
const MINUTE_MS = 60_000;
/** A cent a second. */
const PER_MINUTE = 600_000;
const bill: Bill = {
  sku: "std",
  price: { vcpuSecondMicroUsd: 10_000, gibSecondMicroUsd: 0, gpuSecondMicroUsd: 0 },
  resources: { cpu: 1, memoryMb: 1_024, gpuCount: 0 },
};
const who = { businessId: "biz_1", userId: "usr_1", nowMs: NOW_MS };
const execution = { executionId: "exe_1", jobId: "job_1", nodeId: "node_1" };

const operations = {
  grantMonthly: { ...who, kind: "grantMonthly" },
  grant: { ...who, kind: "grant", key: "k", amountMicroUsd: 7, reason: "a gift", grantedBy: "usr_2" },
  reserve: {
    ...who,
    ...execution,
    kind: "reserve",
    bill,
    coverMs: 10 * MINUTE_MS,
    maxCoverMs: 60 * MINUTE_MS,
  },
  extend: { ...who, kind: "extend", executionId: "exe_1", coverMs: 20 * MINUTE_MS },
  settle: { ...who, kind: "settle", executionId: "exe_1", runMs: 4 * MINUTE_MS },
} satisfies Record<string, CreditOperation>;

type Event = keyof typeof operations;

const settled = entryOf({ key: "settle:exe_1", kind: "SETTLE" });

/** What an operation may find. Each reservation covers ten minutes, paid from this month's grant. */
const pages = {
  "a user without an account": pageOf({ account: undefined }),
  "an execution that is not reserved": pageOf(),
  "an execution that is not reserved, and no credit": pageOf({ account: accountOf({ monthlyMicroUsd: 0 }) }),
  "a reservation": reservedPage(),
  "a reservation that covers the longest run": reservedPage({ maxCoverMs: 10 * MINUTE_MS }),
  "a reservation, and no credit besides": reservedPage({}, { monthlyMicroUsd: 0 }),
  "a settled execution": pageOf({ entries: new Map([[settled.key, settled]]) }),
} satisfies Record<string, Page>;

type Row = Record<Event, string>;

/** Each state × each event: the result, and the entries that are written. */
const table: Record<keyof typeof pages, Row> = {
  "a user without an account": {
    grantMonthly: "posted MONTHLY_GRANT",
    grant: "posted MONTHLY_GRANT GRANT",
    reserve: "posted MONTHLY_GRANT RESERVE",
    extend: "closed MONTHLY_GRANT",
    settle: "closed MONTHLY_GRANT",
  },
  "an execution that is not reserved": {
    grantMonthly: "repeated",
    grant: "posted GRANT",
    reserve: "posted RESERVE",
    extend: "closed",
    settle: "closed",
  },
  "an execution that is not reserved, and no credit": {
    grantMonthly: "repeated",
    grant: "posted GRANT",
    reserve: "refused",
    extend: "closed",
    settle: "closed",
  },
  "a reservation": {
    grantMonthly: "repeated",
    grant: "posted GRANT",
    reserve: "repeated",
    extend: "posted RESERVE",
    settle: "posted SETTLE RELEASE",
  },
  "a reservation that covers the longest run": {
    grantMonthly: "repeated",
    grant: "posted GRANT",
    reserve: "repeated",
    extend: "repeated",
    settle: "posted SETTLE RELEASE",
  },
  "a reservation, and no credit besides": {
    grantMonthly: "repeated",
    grant: "posted GRANT",
    reserve: "repeated",
    extend: "refused",
    settle: "posted SETTLE RELEASE",
  },
  "a settled execution": {
    grantMonthly: "repeated",
    grant: "posted GRANT",
    reserve: "closed",
    extend: "closed",
    settle: "repeated",
  },
};

for (const [state, row] of Object.entries(table) as [keyof typeof pages, Row][]) {
  describe(state, () => {
    for (const [event, expected] of Object.entries(row) as [Event, string][]) {
      test(`${event}: ${expected}`, () => {
        const posting = post(pages[state], operations[event]);
        expect(shortOf(posting)).toBe(expected);
      });
    }
  });
}

describe("a new month", () => {
  const february = pageOf({
    account: accountOf({ month: "2026-02", monthlyMicroUsd: 5, lastingMicroUsd: 3 }),
  });

  test("every operation first expires the rest of the last grant and gives the new one", () => {
    const heads = Object.values(operations).map((operation) => {
      const { entries } = post(february, operation);
      return entries.slice(0, 2).map((entry) => [entry.kind, entry.key, entry.amountMicroUsd]);
    });
    const head = [
      ["EXPIRE", "expire:usr_1:2026-02", -5],
      ["MONTHLY_GRANT", "month:usr_1:2026-03", GRANT],
    ];
    expect(heads).toEqual(Object.values(operations).map(() => head));
  });

  test("a grant that was used up leaves nothing to expire", () => {
    const page = pageOf({ account: accountOf({ month: "2026-02", monthlyMicroUsd: 0 }) });
    expect(shortOf(post(page, operations.grantMonthly))).toBe("posted MONTHLY_GRANT");
  });

  test("credit granted by an owner does not expire", () => {
    const { account } = post(february, operations.grantMonthly);
    expect(account).toMatchObject({ month: "2026-03", monthlyMicroUsd: GRANT, lastingMicroUsd: 3 });
  });

  test("a server whose clock is a month behind changes nothing", () => {
    const page = pageOf({ account: accountOf({ month: "2026-04" }) });
    const posting = post(page, operations.grantMonthly);
    expect(shortOf(posting)).toBe("repeated");
    expect(posting.account).toEqual(accountOf({ month: "2026-04" }));
  });

  test("the grant is given even if the reservation that asked for it is refused", () => {
    const page = pageOf({ account: accountOf({ month: "2026-02", monthlyMicroUsd: 0 }) });
    const tooLong = { ...operations.reserve, coverMs: 1_000 * MINUTE_MS };
    expect(shortOf(post(page, tooLong))).toBe("refused MONTHLY_GRANT");
  });

  test("what a reservation took from the last grant expires with it, unless it is used", () => {
    const page = reservedPage({ month: "2026-02" }, { month: "2026-02", monthlyMicroUsd: 0 });
    const posting = post(page, operations.settle);
    expect(shortOf(posting)).toBe("posted MONTHLY_GRANT SETTLE EXPIRE");
    expect(posting.entries.at(-1)).toMatchObject({
      key: "expire:exe_1",
      amountMicroUsd: 0,
      reservedMicroUsd: -6 * PER_MINUTE,
    });
    expect(posting.account).toMatchObject({ monthlyMicroUsd: GRANT, reservedMicroUsd: 0 });
  });

  test("an extension pays from the new grant and keeps the old part apart", () => {
    const page = reservedPage({ month: "2026-02" }, { month: "2026-02", monthlyMicroUsd: 0 });
    const { reservation } = post(page, operations.extend);
    expect(reservation).toMatchObject({
      month: "2026-03",
      expiredMicroUsd: 10 * PER_MINUTE,
      monthlyMicroUsd: 10 * PER_MINUTE,
    });
  });
});

describe("a grant", () => {
  const earlier = entryOf({ key: "grant:k", kind: "GRANT", amountMicroUsd: 7, reason: "a gift" });
  const page = pageOf({ entries: new Map([[earlier.key, earlier]]) });

  test("with a key that was used for the same grant returns the earlier entry", () => {
    const { outcome } = post(page, operations.grant);
    expect(outcome).toMatchObject({ result: "repeated", entry: earlier });
  });

  test.each([
    ["another amount", { amountMicroUsd: 8 }],
    ["another reason", { reason: "a prize" }],
    ["another user", { userId: "usr_3" }],
  ])("with a key that was used for %s is refused", (_, other) => {
    expect(shortOf(post(page, { ...operations.grant, ...other }))).toBe("key-reused");
  });
});

describe("a reservation", () => {
  test("takes this month's grant before credit that lasts", () => {
    const page = pageOf({ account: accountOf({ monthlyMicroUsd: PER_MINUTE, lastingMicroUsd: GRANT }) });
    const { reservation, account } = post(page, operations.reserve);
    expect(reservation).toMatchObject({ monthlyMicroUsd: PER_MINUTE, lastingMicroUsd: 9 * PER_MINUTE });
    expect(account).toMatchObject({ monthlyMicroUsd: 0, lastingMicroUsd: GRANT - 9 * PER_MINUTE });
  });

  test("may take the last micro-dollar, and not one more", () => {
    const exactly = pageOf({ account: accountOf({ monthlyMicroUsd: 10 * PER_MINUTE }) });
    const tooLittle = pageOf({ account: accountOf({ monthlyMicroUsd: 10 * PER_MINUTE - 1 }) });
    expect(post(exactly, operations.reserve).outcome.result).toBe("posted");
    expect(post(tooLittle, operations.reserve).outcome).toMatchObject({
      result: "refused",
      neededMicroUsd: 10 * PER_MINUTE,
    });
  });
});

describe("an extension", () => {
  test("adds only what is missing", () => {
    const { entries, reservation } = post(reservedPage(), operations.extend);
    expect(entries).toMatchObject([
      { key: `extend:exe_1:${20 * MINUTE_MS}`, amountMicroUsd: -10 * PER_MINUTE },
    ]);
    expect(reservation?.coveredMs).toBe(20 * MINUTE_MS);
  });

  test("never covers more than the longest run", () => {
    const { reservation } = post(reservedPage({ maxCoverMs: 12 * MINUTE_MS }), operations.extend);
    expect(reservation?.coveredMs).toBe(12 * MINUTE_MS);
  });

  test("covers as long as the credit lasts if that is a minute or more", () => {
    const aMinute = reservedPage({}, { monthlyMicroUsd: PER_MINUTE });
    expect(post(aMinute, operations.extend).reservation?.coveredMs).toBe(11 * MINUTE_MS);
    const less = reservedPage({}, { monthlyMicroUsd: PER_MINUTE - 1 });
    expect(post(less, operations.extend).outcome).toMatchObject({
      result: "refused",
      neededMicroUsd: 20 * PER_MINUTE,
    });
  });

  test("of less than a minute is made if all of it can be paid", () => {
    const page = reservedPage({ maxCoverMs: 10.5 * MINUTE_MS }, { monthlyMicroUsd: PER_MINUTE / 2 });
    expect(post(page, operations.extend).reservation?.coveredMs).toBe(10.5 * MINUTE_MS);
  });

  test("to a time that is already covered changes nothing", () => {
    expect(shortOf(post(reservedPage(), { ...operations.extend, coverMs: 10 * MINUTE_MS }))).toBe("repeated");
  });
});

describe("a settlement", () => {
  const settle = (minutes: number, page = reservedPage()) =>
    post(page, { ...operations.settle, runMs: minutes * MINUTE_MS });

  test("charges what was used and releases the rest", () => {
    const { entries, account, reservation } = settle(4);
    expect(entries).toMatchObject([
      { amountMicroUsd: 0, reservedMicroUsd: -4 * PER_MINUTE, costMicroUsd: 4 * PER_MINUTE },
      { amountMicroUsd: 6 * PER_MINUTE, reservedMicroUsd: -6 * PER_MINUTE },
    ]);
    expect(account).toMatchObject({ reservedMicroUsd: 0, monthlyMicroUsd: GRANT + 6 * PER_MINUTE });
    expect(reservation).toBeUndefined();
  });

  test("of an execution that never ran costs nothing", () => {
    expect(settle(0).entries).toMatchObject([
      { kind: "SETTLE", amountMicroUsd: 0, reservedMicroUsd: 0, costMicroUsd: 0 },
      { kind: "RELEASE", amountMicroUsd: 10 * PER_MINUTE },
    ]);
  });

  test("of an execution that used everything releases nothing", () => {
    expect(shortOf(settle(10))).toBe("posted SETTLE");
  });

  test("of an execution that ran longer than covered takes the rest from the account", () => {
    const { entries, account } = settle(12);
    expect(entries).toMatchObject([
      { amountMicroUsd: -2 * PER_MINUTE, reservedMicroUsd: -10 * PER_MINUTE, costMicroUsd: 12 * PER_MINUTE },
    ]);
    expect(account).toMatchObject({ reservedMicroUsd: 0, monthlyMicroUsd: GRANT - 2 * PER_MINUTE });
  });

  test("charges no more than there is, and the entry says how much is missing", () => {
    const { entries, account } = settle(12, reservedPage({}, { monthlyMicroUsd: PER_MINUTE }));
    expect(entries).toMatchObject([
      { costMicroUsd: 11 * PER_MINUTE, reason: expect.stringContaining("$0.60") },
    ]);
    expect(account).toMatchObject({ reservedMicroUsd: 0, monthlyMicroUsd: 0, lastingMicroUsd: 0 });
  });

  test("spends what expires soonest first, and returns each part to where it came from", () => {
    const parts = {
      expiredMicroUsd: 3 * PER_MINUTE,
      monthlyMicroUsd: 3 * PER_MINUTE,
      lastingMicroUsd: 4 * PER_MINUTE,
    };
    const { account } = settle(5, reservedPage(parts, { monthlyMicroUsd: 0 }));
    expect(account).toMatchObject({ monthlyMicroUsd: PER_MINUTE, lastingMicroUsd: 4 * PER_MINUTE });
  });
});

test("only a grant, a reservation and a settlement ask for earlier entries", () => {
  const keys = Object.values(operations).map((operation) => [operation.kind, keysOf(operation)]);
  expect(Object.fromEntries(keys)).toEqual({
    grantMonthly: [],
    grant: ["grant:k"],
    reserve: ["settle:exe_1"],
    extend: [],
    settle: ["settle:exe_1"],
  });
});

/** Posts it, and checks what holds for every operation: the sums agree, no amount is -0, and what was read is unchanged. */
function post(page: Page, operation: CreditOperation): Posting {
  const before = structuredClone(page);
  const posting = postOperation(page, operation);
  expect(page).toEqual(before);
  const { account, entries, outcome } = posting;
  const sum = (amountOf: (entry: LedgerRecord) => number) =>
    entries.reduce((total, entry) => total + amountOf(entry), 0);
  const had = page.account ?? accountOf({ monthlyMicroUsd: 0, reservedMicroUsd: 0 });
  expect(availableOf(account) - availableOf(had)).toBe(sum((entry) => entry.amountMicroUsd));
  expect(account.reservedMicroUsd - had.reservedMicroUsd).toBe(sum((entry) => entry.reservedMicroUsd));
  expect(entries.at(-1)?.balanceMicroUsd ?? availableOf(account)).toBe(availableOf(account));
  expect(new Set(entries.map((entry) => entry.key)).size).toBe(entries.length);
  const written = entries.flatMap((entry) => [entry.amountMicroUsd, entry.reservedMicroUsd]);
  expect(written.filter((amount) => Object.is(amount, -0))).toEqual([]);
  expect(outcome.account).toEqual(account);
  const amounts = [account.monthlyMicroUsd, account.lastingMicroUsd, account.reservedMicroUsd];
  expect(Math.min(...amounts)).toBeGreaterThanOrEqual(0);
  return posting;
}

function shortOf({ outcome, entries }: { outcome: CreditOutcome; entries: LedgerRecord[] }): string {
  return [outcome.result, ...entries.map((entry) => entry.kind)].join(" ");
}

function pageOf(parts: Partial<Page> = {}): Page {
  return { account: accountOf(), reservation: undefined, entries: new Map(), ...parts };
}

/** With the reservation's amount in the account's sum of reserved credit. */
function reservedPage(reservation: Partial<Reservation> = {}, account: Partial<Account> = {}): Page {
  return pageOf({
    account: accountOf({ reservedMicroUsd: 10 * PER_MINUTE, ...account }),
    reservation: reservationOf(reservation),
  });
}

function accountOf(fields: Partial<Account> = {}): Account {
  return {
    businessId: "biz_1",
    userId: "usr_1",
    month: "2026-03",
    monthlyMicroUsd: GRANT,
    lastingMicroUsd: 0,
    reservedMicroUsd: 0,
    ...fields,
  };
}

function reservationOf(fields: Partial<Reservation>): Reservation {
  return {
    ...execution,
    businessId: "biz_1",
    userId: "usr_1",
    bill,
    coveredMs: 10 * MINUTE_MS,
    maxCoverMs: 60 * MINUTE_MS,
    month: "2026-03",
    expiredMicroUsd: 0,
    monthlyMicroUsd: 10 * PER_MINUTE,
    lastingMicroUsd: 0,
    ...fields,
  };
}

function entryOf(fields: Partial<LedgerRecord> & Pick<LedgerRecord, "key" | "kind">): LedgerRecord {
  return {
    entryId: "crd_1",
    businessId: "biz_1",
    userId: "usr_1",
    amountMicroUsd: 0,
    reservedMicroUsd: 0,
    balanceMicroUsd: 0,
    costMicroUsd: undefined,
    jobId: undefined,
    executionId: undefined,
    reason: undefined,
    grantedBy: undefined,
    createdAtMs: NOW_MS,
    ...fields,
  };
}
