import type { HostedPool, Price } from "../../shared/credit.ts";
import type { Resources } from "../../shared/job-fields.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import { MAX_MICRO_USD } from "../../shared/money.ts";
import { own } from "../../shared/own.ts";

/** The pools whose nodes cost credit, with their prices. All other pools are free. */
export type Pricing = ReadonlyMap<string, { sku: string; price: Price }>;

export const NOTHING_HOSTED: Pricing = new Map();

/** From the settings of the server, which has already refused a hosted pool without a price. */
export function pricingOf({ pools = {}, prices = {} }: PricingSettings): Pricing {
  const hosted = Object.entries(pools).flatMap(([pool, { hosted, sku = "" }]) => {
    const price = own(prices, sku);
    return hosted && price ? [[pool, { sku, price }] as const] : [];
  });
  return new Map(hosted);
}

interface PricingSettings {
  pools?: Readonly<Record<string, { hosted: boolean; sku?: string }>>;
  prices?: Readonly<Record<string, Price>>;
}

/** What an execution is charged by. Fixed when it begins, so a new price never changes what already runs. */
export interface Bill {
  sku: string;
  price: Price;
  /** The resources charged for, which may differ from those asked for: see `billedResources`. */
  resources: Resources;
}

/** The bill of a job; undefined if its pool is free. */
export function billFor(pricing: Pricing, manifest: JobManifest): Bill | undefined {
  const hosted = pricing.get(manifest.pool);
  return hosted && { ...hosted, resources: billedResources(manifest.resources) };
}

/** A job that names no resources is charged for one core and one GiB. */
export function billedResources({ cpu, memoryMb, gpuCount }: Resources): Resources {
  return { cpu: cpu || 1, memoryMb: memoryMb || 1_024, gpuCount };
}

/**
 * What running for `runMs` costs, rounded up to a whole micro-dollar. Exact, without fractions on the way: prices are in
 * thousandths of a micro-dollar, cores in thousandths, memory in MiB, time in milliseconds.
 */
export function costMicroUsd(bill: Bill, runMs: number): number {
  const exact = perMs(bill) * BigInt(Math.max(0, Math.ceil(runMs)));
  const microUsd = (exact + UNIT - 1n) / UNIT;
  return microUsd > BigInt(MAX_MICRO_USD) ? MAX_MICRO_USD : Number(microUsd);
}

/** How many milliseconds the credit lasts; undefined if the price is zero and it lasts forever. */
export function affordableMs(bill: Bill, microUsd: number): number | undefined {
  const rate = perMs(bill);
  return rate === 0n ? undefined : Number((BigInt(microUsd) * UNIT) / rate);
}

export function hostedPools(pricing: Pricing): HostedPool[] {
  return [...pricing].map(([pool, { sku, price }]) => ({ pool, sku, ...price }));
}

/** Parts per micro-dollar: thousandths of the price, of the cores and of a second, and the MiB of a GiB. */
const UNIT = 1_000n * 1_000n * 1_000n * 1_024n;

/** Parts of a micro-dollar per millisecond. */
function perMs({ price, resources }: Bill): bigint {
  const cpu = thousandths(price.vcpuSecondMicroUsd) * thousandths(resources.cpu) * 1_024n;
  const memory = thousandths(price.gibSecondMicroUsd) * BigInt(resources.memoryMb) * 1_000n;
  const gpu = thousandths(price.gpuSecondMicroUsd) * BigInt(resources.gpuCount) * 1_000n * 1_024n;
  return cpu + memory + gpu;
}

function thousandths(value: number): bigint {
  return BigInt(Math.round(value * 1_000));
}
