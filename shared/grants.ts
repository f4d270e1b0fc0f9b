import { z } from "zod";
import { pool } from "./job-fields.ts";
import { labels } from "./labels.ts";
import type { NodeDescription } from "./node.ts";

/** A node's own key may raise its slots to this number or to the number a person granted, whichever is higher. */
const MAX_UNGRANTED_SLOTS = 1_024;

/** What a person allows a node to offer. Pools and labels decide which jobs, with their variables, a node gets. */
export const nodeGrants = z.strictObject({
  pools: z.array(pool().unwrap()).max(100),
  /** Labels that are not detected, each with the one granted value. */
  labels: labels(),
  slots: z.int().min(1),
});
export type NodeGrants = z.infer<typeof nodeGrants>;

/** What a node announces but may not offer until a person grants it. */
export const ungranted = z.strictObject({
  pool: pool().unwrap().optional(),
  labels: labels().optional(),
  slots: z.int().min(1).optional(),
});
export type Ungranted = z.infer<typeof ungranted>;

const DETECTED = new Set([
  "os",
  "arch",
  "hostname",
  "cpuCount",
  "memoryMb",
  "docker",
  "cuda",
  "rocm",
  "metal",
  "android",
]);
const DETECTED_GROUPS = /^(gpu|cuda|rocm|metal|docker|android)\./;

/** Whether agents detect this label themselves. It is then the agent's own claim and needs no grant. */
export function isDetectedLabel(key: string): boolean {
  return DETECTED.has(key) || DETECTED_GROUPS.test(key);
}

/** The grants a person gives by registering such a node. */
export function grantsFor({ pool, labels, capacity }: NodeDescription): NodeGrants {
  const own = Object.entries(labels).filter(([key]) => !isDetectedLabel(key));
  return { pools: [pool], labels: Object.fromEntries(own), slots: capacity.slots };
}

/** Splits an announcement into what the node may offer and what waits for a grant; until then the node stays in its pool. Pure. */
export function withinGrants(
  announced: NodeDescription,
  grants: NodeGrants,
  currentPool = announced.pool,
): { description: NodeDescription; ungranted: Ungranted | undefined } {
  const isGranted = ([key, value]: [string, string]) =>
    isDetectedLabel(key) || (Object.hasOwn(grants.labels, key) && grants.labels[key] === value);
  const entries = Object.entries(announced.labels);
  const refused = entries.filter((entry) => !isGranted(entry));
  const hasPool = grants.pools.includes(announced.pool);
  const maxSlots = Math.max(grants.slots, MAX_UNGRANTED_SLOTS);
  const { slots } = announced.capacity;
  const waiting: Ungranted = {
    ...(hasPool ? {} : { pool: announced.pool }),
    ...(refused.length > 0 ? { labels: Object.fromEntries(refused) } : {}),
    ...(slots > maxSlots ? { slots } : {}),
  };
  const description = {
    ...announced,
    pool: hasPool ? announced.pool : currentPool,
    labels: Object.fromEntries(entries.filter(isGranted)),
    capacity: { ...announced.capacity, slots: Math.min(slots, maxSlots) },
  };
  return { description, ungranted: Object.keys(waiting).length > 0 ? waiting : undefined };
}

/** Rebuilds a node's announcement from what it offers and what waits for a grant. */
export function announcedBy(description: NodeDescription, waiting: Ungranted = {}): NodeDescription {
  return {
    ...description,
    pool: waiting.pool ?? description.pool,
    labels: { ...description.labels, ...waiting.labels },
    capacity: { ...description.capacity, slots: waiting.slots ?? description.capacity.slots },
  };
}

/** For people: `pool gpu, label disk=ssd`. */
export function ungrantedInWords({ pool, labels = {}, slots }: Ungranted): string {
  return [
    ...(pool === undefined ? [] : [`pool ${pool}`]),
    ...Object.entries(labels).map(([key, value]) => `label ${key}=${value}`),
    ...(slots === undefined ? [] : [`${slots} slots`]),
  ].join(", ");
}
