import { expect, test } from "bun:test";
import { jobManifest } from "../../shared/manifest.ts";
import { affordableMs, type Bill, billFor, costMicroUsd } from "./pricing.ts";

const price = { vcpuSecondMicroUsd: 11.111, gibSecondMicroUsd: 1.5, gpuSecondMicroUsd: 700 };
const pricing = new Map([["cloud", { sku: "std", price }]]);

function billOf(resources: Partial<Bill["resources"]>): Bill {
  return { sku: "std", price, resources: { cpu: 0, memoryMb: 0, gpuCount: 0, ...resources } };
}

test("a second costs what the price says, and a part of a micro-dollar counts as a whole", () => {
  expect(costMicroUsd(billOf({ cpu: 1 }), 1_000)).toBe(12);
  expect(costMicroUsd(billOf({ cpu: 1 }), 1_000_000)).toBe(11_111);
  expect(costMicroUsd(billOf({ cpu: 0.5 }), 2_000_000)).toBe(11_111);
  expect(costMicroUsd(billOf({ memoryMb: 512 }), 2_000)).toBe(2);
  expect(costMicroUsd(billOf({ gpuCount: 2 }), 1)).toBe(2);
  expect(costMicroUsd(billOf({ cpu: 1, memoryMb: 1_024, gpuCount: 1 }), 1_000_000)).toBe(712_611);
  expect(costMicroUsd(billOf({ cpu: 1 }), 0)).toBe(0);
});

test("the cost of a whole year on the largest machine is still exact", () => {
  const bill = billOf({ cpu: 4_096, gpuCount: 64 });
  expect(costMicroUsd(bill, 31_536_000_000)).toBe(31_536_000 * 64 * 700 + 31_536 * 4_096 * 11_111);
});

test("credit lasts to its last millisecond, and no longer", () => {
  const bill = billOf({ cpu: 1.5, memoryMb: 3_000, gpuCount: 1 });
  for (const microUsd of [0, 1, 999, 30_000_000]) {
    const ms = affordableMs(bill, microUsd) ?? 0;
    expect(costMicroUsd(bill, ms)).toBeLessThanOrEqual(microUsd);
    expect(costMicroUsd(bill, ms + 1)).toBeGreaterThan(microUsd);
  }
  expect(
    affordableMs(
      { ...bill, price: { vcpuSecondMicroUsd: 0, gibSecondMicroUsd: 0, gpuSecondMicroUsd: 0 } },
      1,
    ),
  ).toBe(undefined);
});

test("only jobs for a hosted pool are charged; a job that names no resources is charged for a core and a GiB", () => {
  expect(billFor(pricing, jobManifest.parse({ command: "true" }))).toBeUndefined();
  const bill = billFor(pricing, jobManifest.parse({ command: "true", pool: "cloud" }));
  expect(bill?.resources).toEqual({ cpu: 1, memoryMb: 1_024, gpuCount: 0 });
  const asked = jobManifest.parse({ command: "true", pool: "cloud", resources: { cpu: 0.25, memoryMb: 64 } });
  expect(billFor(pricing, asked)?.resources).toEqual({ cpu: 0.25, memoryMb: 64, gpuCount: 0 });
});
