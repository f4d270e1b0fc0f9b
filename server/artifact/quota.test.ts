import { expect, test } from "bun:test";
import { MIB } from "../../shared/bytes-text.ts";
import { Quota } from "./quota.ts";

const [SHOP, BANK] = ["biz_shop", "biz_bank"];
const used = new Map([
  [SHOP, 6 * MIB],
  [BANK, 6 * MIB],
]);
const quotaOf = (maxBytes: number | undefined, ofShop?: number) =>
  new Quota(
    { usedBytes: async (businessId) => used.get(businessId) ?? 0 },
    { maxBytes, maxBytesOf: new Map(ofShop === undefined ? [] : [[SHOP, ofShop]]) },
  );

test("what does not fit is refused, with what is used, what is allowed and what to do", async () => {
  const quota = quotaOf(10 * MIB);
  await quota.check(SHOP, 4 * MIB);
  const refused = quota.check(SHOP, 4 * MIB + 1);
  await expect(refused).rejects.toMatchObject({ code: "quota_exceeded", status: 403 });
  const { message } = (await refused.catch((error: unknown) => error)) as Error;
  for (const part of ["may keep 10 MiB", "has 6 MiB", "4 MiB more", "Delete artifacts"])
    expect(message).toContain(part);
});

test("a limit for one business goes before the one for all, and without a limit everything fits", async () => {
  const quota = quotaOf(10 * MIB, 20 * MIB);
  await quota.check(SHOP, 14 * MIB);
  await expect(quota.check(BANK, 14 * MIB)).rejects.toMatchObject({ code: "quota_exceeded" });
  await quotaOf(undefined).check(BANK, Number.MAX_SAFE_INTEGER);
});

test("uploads on their way count until they are over, those of another business do not", async () => {
  const quota = quotaOf(10 * MIB);
  const first = await quota.reserve(SHOP, 3 * MIB);
  await expect(quota.reserve(SHOP, 2 * MIB)).rejects.toMatchObject({ code: "quota_exceeded" });
  await quota.check(BANK, 4 * MIB);
  const second = await quota.reserve(SHOP, MIB);
  first();
  (await quota.reserve(SHOP, 3 * MIB))();
  second();
  await quota.check(SHOP, 4 * MIB);
});

test("of many uploads that come at once, only as many as fit are let in", async () => {
  const quota = quotaOf(10 * MIB);
  const all = await Promise.allSettled(Array.from({ length: 10 }, () => quota.reserve(SHOP, MIB)));
  expect(all.filter(({ status }) => status === "fulfilled").length).toBe(4);
});
