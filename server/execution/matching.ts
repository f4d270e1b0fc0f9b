import type { Labels } from "../../shared/labels.ts";
import type { JobManifest, JobType, Resources } from "../../shared/manifest.ts";
import type { Capacity, NodeDescription } from "../../shared/node.ts";
import { type Condition, formatCondition, parseSelector, unmetCondition } from "../../shared/selector.ts";
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

/**
 * `<requirement>/<user>`: equal for jobs of one user with equal requirements, whatever the order their labels were
 * written in. Each user's jobs queue apart, so that one of them cannot stand in front of all others.
 */
export function queueKeyOf(manifest: JobManifest, userId: string): string {
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
  const requirement = new Bun.CryptoHasher("sha256").update(canonical).digest("base64url").slice(0, 22);
  return `${requirement}/${userId}`;
}

export function userOfQueue(queueKey: string): string {
  return queueKey.slice(queueKey.indexOf("/") + 1);
}

/** What of a node's capacity is taken. */
export interface Usage {
  cpu: number;
  memoryMb: number;
  slots: number;
  gpuIndexes: ReadonlySet<number>;
}

/** A rule of matching that a node fails for a job, however idle it is. */
export interface Mismatch {
  rule: "type" | "pool" | "label" | "selector" | "cpu" | "memory" | "gpu";
  /** As in "the node cannot run it: …". */
  detail: string;
  /** What would mend it, as in "it could if …". */
  change: string;
}

/** Why this node could never run such a job, even when idle; undefined when it could. The first rule that fails. */
export function mismatch(requirement: Requirement, node: NodeDescription): string | undefined {
  for (const { detail } of mismatches(requirement, node)) return detail;
  return undefined;
}

/** Every rule that fails, in the order they are looked at. */
export function* mismatches(
  requirement: Requirement,
  node: NodeDescription,
): Generator<Mismatch, void, void> {
  const { type, pool } = requirement;
  if (!node.jobTypes.includes(type)) {
    yield { rule: "type", detail: `it cannot run ${type} jobs`, change: `it could run ${type} jobs` };
  }
  if (node.pool !== pool) {
    const detail = `it is in pool ${node.pool}, the job asks for pool ${pool}`;
    yield { rule: "pool", detail, change: `the job asked for pool ${node.pool}` };
  }
  for (const [key, wanted] of Object.entries(requirement.labels)) {
    const found = node.labels[key];
    if (found === wanted) continue;
    const detail =
      found === undefined
        ? `it has no label ${key} (the job asks for ${key}=${wanted})`
        : `its label is ${key}=${found}, not ${key}=${wanted}`;
    yield {
      rule: "label",
      detail,
      change: `it had the label ${key}=${wanted}, or the job did not ask for it`,
    };
  }
  for (const condition of conditionsOf(requirement.selector)) {
    const detail = unmetCondition([condition], node.labels);
    if (detail === undefined) continue;
    const change = `the job's selector did not ask for ${formatCondition(condition)}`;
    yield { rule: "selector", detail, change };
  }
  yield* shortages(requirement.resources, node.capacity);
}

function* shortages(asked: Resources, capacity: Capacity): Generator<Mismatch, void, void> {
  const { cpu, memoryMb, gpuCount } = asked;
  if (cpu > capacity.cpu) {
    const detail = `it has ${capacity.cpu} cores, the job asks for ${cpu}`;
    yield { rule: "cpu", detail, change: `the job asked for at most ${capacity.cpu} cores` };
  }
  if (memoryMb > capacity.memoryMb) {
    const detail = `it has ${capacity.memoryMb} MiB of memory, the job asks for ${memoryMb}`;
    yield { rule: "memory", detail, change: `the job asked for at most ${capacity.memoryMb} MiB of memory` };
  }
  if (gpuCount > capacity.gpuCount) {
    const detail = `it has ${capacity.gpuCount} GPUs, the job asks for ${gpuCount}`;
    yield { rule: "gpu", detail, change: `the job asked for at most ${capacity.gpuCount} GPUs` };
  }
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
