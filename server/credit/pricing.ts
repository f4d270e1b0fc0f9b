import type { HostedPool, Price } from "../../shared/credit.ts";
import type { JobManifest, Resources } from "../../shared/manifest.ts";
import { MAX_MICRO_USD } from "../../shared/money.ts";
import { own } from "../../shared/own.ts";

/** Pools whose nodes are paid for, with their prices; a pool that is not among them is free. */
export type Pricing = ReadonlyMap<string, { sku: string; price: Price }>;

export const NOTHING_HOSTED: Pricing = new Map();

/** From the settings of a server; a hosted pool without a price is refused before. */
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

/** What an execution is charged by: fixed when it begins, so that a new price never changes what runs already. */
export interface Bill {
  sku: string;
  price: Price;
  /** What is charged for, not what was asked for: see `billedResources`. */
  resources: Resources;
}

/** What a job for a hosted pool is charged by; undefined where its pool is free. */
export function billFor(pricing: Pricing, manifest: JobManifest): Bill | undefined {
  const hosted = pricing.get(manifest.pool);
  return hosted && { ...hosted, resources: billedResources(manifest.resources) };
}

/** A job that does not say how much it needs is charged for one core and one GiB. */
export function billedResources({ cpu, memoryMb, gpuCount }: Resources): Resources {
  return { cpu: cpu || 1, memoryMb: memoryMb || 1_024, gpuCount };
}

/**
 * What running for this long costs, rounded up to a whole micro-dollar. Exact, with no fraction in between: prices are
 * in thousandths of a micro-dollar, cores in thousandths, memory in MiB, time in milliseconds.
 */
export function costMicroUsd(bill: Bill, runMs: number): number {
  const exact = perMs(bill) * BigInt(Math.max(0, Math.ceil(runMs)));
  const microUsd = (exact + UNIT - 1n) / UNIT;
  return microUsd > BigInt(MAX_MICRO_USD) ? MAX_MICRO_USD : Number(microUsd);
}

/** How long so much credit lasts; undefined: for ever, since the price is nothing. */
export function affordableMs(bill: Bill, microUsd: number): number | undefined {
  const rate = perMs(bill);
  return rate === 0n ? undefined : Number((BigInt(microUsd) * UNIT) / rate);
}

export function hostedPools(pricing: Pricing): HostedPool[] {
  return [...pricing].map(([pool, { sku, price }]) => ({ pool, sku, ...price }));
}

/** Into how many parts a micro-dollar is taken: by the price, the cores or the time, and the MiB of a GiB. */
const UNIT = 1_000n * 1_000n * 1_000n * 1_024n;

/** Parts of a micro-dollar for each millisecond. */
function perMs({ price, resources }: Bill): bigint {
  const cpu = thousandths(price.vcpuSecondMicroUsd) * thousandths(resources.cpu) * 1_024n;
  const memory = thousandths(price.gibSecondMicroUsd) * BigInt(resources.memoryMb) * 1_000n;
  const gpu = thousandths(price.gpuSecondMicroUsd) * BigInt(resources.gpuCount) * 1_000n * 1_024n;
  return cpu + memory + gpu;
}

function thousandths(value: number): bigint {
  return BigInt(Math.round(value * 1_000));
}
