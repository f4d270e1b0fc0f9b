import type { Labels } from "../../shared/labels.ts";
import type { JobManifest, JobType, Resources } from "../../shared/manifest.ts";
import type { Capacity, NodeDescription } from "../../shared/node.ts";
import { type Condition, parseSelector, unmetCondition } from "../../shared/selector.ts";
import { RecentMap } from "../recent-map.ts";

/** What a job asks of a node. Jobs that ask for the same share a queue key, so that matching looks at keys, not at jobs. */
export interface Requirement {
  type: JobType;
  labels: Labels;
  selector: string | undefined;
  resources: Resources;
  pool: string;
}

export function requirementOf(manifest: JobManifest): Requirement {
  const { type, labels, selector, resources, pool } = manifest;
  return { type, labels, selector, resources, pool };
}

/** Equal for equal requirements, whatever the order their labels were written in. */
export function queueKeyOf(manifest: JobManifest): string {
  const { cpu, memoryMb, gpuCount } = manifest.resources;
  const labels = Object.entries(manifest.labels).sort(([a], [b]) => (a < b ? -1 : 1));
  const canonical = JSON.stringify([
    manifest.type,
    manifest.pool,
    labels,
    manifest.selector,
    cpu,
    memoryMb,
    gpuCount,
  ]);
  return new Bun.CryptoHasher("sha256").update(canonical).digest("base64url").slice(0, 22);
}

/** What of a node's capacity is taken. */
export interface Usage {
  cpu: number;
  memoryMb: number;
  slots: number;
  gpuIndexes: ReadonlySet<number>;
}

/** Why this node could never run such a job, even when idle; undefined when it could. The first rule that fails. */
export function mismatch(requirement: Requirement, node: NodeDescription): string | undefined {
  if (!node.jobTypes.includes(requirement.type)) return `it cannot run ${requirement.type} jobs`;
  if (node.pool !== requirement.pool)
    return `it is in pool ${node.pool}, the job asks for pool ${requirement.pool}`;
  for (const [key, wanted] of Object.entries(requirement.labels)) {
    const found = node.labels[key];
    if (found === undefined) return `it has no label ${key} (the job asks for ${key}=${wanted})`;
    if (found !== wanted) return `its label is ${key}=${found}, not ${key}=${wanted}`;
  }
  const unmet = unmetCondition(conditionsOf(requirement.selector), node.labels);
  if (unmet !== undefined) return unmet;
  const { cpu, memoryMb, gpuCount } = requirement.resources;
  if (cpu > node.capacity.cpu) return `it has ${node.capacity.cpu} cores, the job asks for ${cpu}`;
  if (memoryMb > node.capacity.memoryMb) {
    return `it has ${node.capacity.memoryMb} MiB of memory, the job asks for ${memoryMb}`;
  }
  if (gpuCount > node.capacity.gpuCount)
    return `it has ${node.capacity.gpuCount} GPUs, the job asks for ${gpuCount}`;
  return undefined;
}

/** A selector was checked when its job was submitted; a handful of them is asked for again and again. */
const parsedSelectors = new RecentMap<Condition[]>(1_000);

function conditionsOf(selector: string | undefined): readonly Condition[] {
  if (selector === undefined) return [];
  let conditions = parsedSelectors.get(selector);
  if (!conditions) {
    conditions = parseSelector(selector);
    parsedSelectors.set(selector, conditions);
  }
  return conditions;
}

/** Whether the job fits beside what runs already. Fractions of cores are compared in thousandths. */
export function fits(resources: Resources, capacity: Capacity, usage: Usage): boolean {
  return (
    usage.slots < capacity.slots &&
    Math.round((usage.cpu + resources.cpu) * 1_000) <= Math.round(capacity.cpu * 1_000) &&
    usage.memoryMb + resources.memoryMb <= capacity.memoryMb &&
    usage.gpuIndexes.size + resources.gpuCount <= capacity.gpuCount
  );
}

/** The lowest GPUs that are free. */
export function pickGpus(count: number, capacity: Capacity, usage: Usage): number[] {
  const free: number[] = [];
  for (let index = 0; index < capacity.gpuCount && free.length < count; index++) {
    if (!usage.gpuIndexes.has(index)) free.push(index);
  }
  return free;
}

export function usageOf(held: Iterable<{ resources: Resources; gpuIndexes: readonly number[] }>): Usage {
  let cpu = 0;
  let memoryMb = 0;
  let slots = 0;
  const gpuIndexes = new Set<number>();
  for (const one of held) {
    cpu += one.resources.cpu;
    memoryMb += one.resources.memoryMb;
    slots += 1;
    for (const index of one.gpuIndexes) gpuIndexes.add(index);
  }
  return { cpu, memoryMb, slots, gpuIndexes };
}
