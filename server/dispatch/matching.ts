import { refusals } from "../../shared/allow.ts";
import { counted } from "../../shared/counted.ts";
import type { Resources } from "../../shared/job-fields.ts";
import { type Labels, NODE_NAME_LABEL } from "../../shared/labels.ts";
import type { Capacity, NodeDescription } from "../../shared/node.ts";
import { own } from "../../shared/own.ts";
import { type Condition, formatCondition, parseSelector, unmetCondition } from "../../shared/selector.ts";
import type { Requirement } from "../job/requirement.ts";
import { RecentMap } from "../runtime/recent-map.ts";

/** How much of a node's capacity is in use. */
export interface Usage {
  cpu: number;
  memoryMb: number;
  slots: number;
  gpuIndexes: ReadonlySet<number>;
}

/** A matching rule that a node fails for a job, no matter how idle it is. */
export interface Mismatch {
  rule: "type" | "allow" | "pool" | "label" | "selector" | "cpu" | "memory" | "gpu";
  /** Completes the sentence "the node cannot run it: …". */
  detail: string;
  /** What would help. Completes the sentence "it could run the job if …". */
  change: string;
}

/** Why this node could never run such a job, even when idle: the first rule that fails. Undefined if it could. */
export function mismatch(requirement: Requirement, node: NodeDescription): string | undefined {
  for (const { detail } of mismatches(requirement, node)) return detail;
  return undefined;
}

/** Every rule that fails, in the order in which they are checked. */
export function* mismatches(
  requirement: Requirement,
  node: NodeDescription,
): Generator<Mismatch, void, void> {
  const { type, pool } = requirement;
  const { executors } = node.allow ?? {};
  if (!node.jobTypes.includes(type) && (executors?.includes(type) ?? true)) {
    yield { rule: "type", detail: `it cannot run ${type} jobs`, change: `it could run ${type} jobs` };
  }
  if (node.allow) {
    for (const { detail, field } of refusals(node.allow, requirement)) {
      const change = `its owner allowed it (allow.${field} in its agent.yaml)`;
      yield { rule: "allow", detail: `its owner ${detail} (allow.${field})`, change };
    }
  }
  if (node.pool !== pool) {
    const detail = `it is in pool ${node.pool}, the job asks for pool ${pool}`;
    yield { rule: "pool", detail, change: `the job asked for pool ${node.pool}` };
  }
  const labels = labelsOf(node);
  for (const [key, wanted] of Object.entries(requirement.labels)) {
    const found = own(labels, key);
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
    const detail = unmetCondition([condition], labels);
    if (detail === undefined) continue;
    const change = `the job's selector did not ask for ${formatCondition(condition)}`;
    yield { rule: "selector", detail, change };
  }
  yield* shortages(requirement.resources, node);
}

/** A node's own labels plus its name, with which a job can ask for this very node. */
function labelsOf({ labels, name }: NodeDescription): Labels {
  return { ...labels, [NODE_NAME_LABEL]: name };
}

function* shortages(asked: Resources, node: NodeDescription): Generator<Mismatch, void, void> {
  for (const { rule, field, limit, nameOf } of amounts) {
    const [wanted, has] = [asked[field], node.capacity[field]];
    if (wanted <= has) continue;
    // Whether the owner's limit is too small, rather than the machine.
    const isCap = node.caps?.[field] === has;
    const whose = isCap ? `its owner limits jobs to ${nameOf(has)} (${limit})` : `it has ${nameOf(has)}`;
    const change = `the job asked for at most ${nameOf(has)}`;
    yield {
      rule,
      detail: `${whose}, the job asks for ${wanted}`,
      change: isCap ? `${change}, or its owner raised ${limit}` : change,
    };
  }
}

interface Amount {
  rule: Mismatch["rule"];
  field: keyof Resources;
  /** The setting with which the owner of a machine limits how much of it jobs may have. */
  limit: string;
  nameOf: (amount: number) => string;
}

const amounts: readonly Amount[] = [
  { rule: "cpu", field: "cpu", limit: "limits.cpu", nameOf: (amount) => counted(amount, "core") },
  { rule: "memory", field: "memoryMb", limit: "limits.memoryMb", nameOf: (mb) => `${mb} MiB of memory` },
  { rule: "gpu", field: "gpuCount", limit: "limits.gpuCount", nameOf: (amount) => counted(amount, "GPU") },
];

/** Selectors are checked when a job is submitted, so parsing a stored one succeeds. The same few are asked for often. */
const parsedSelectors = new RecentMap<Condition[]>(1_000);

function conditionsOf(selector: string | undefined): readonly Condition[] {
  if (selector === undefined) return [];
  return parsedSelectors.getOrMake(selector, () => parseSelector(selector, { stored: true }));
}

/**
 * Whether the job fits next to what already runs. Fractions of cores are compared in thousandths. What a job does not ask
 * for cannot be short, even if the node already uses more than its capacity because its owner lowered a limit.
 */
export function fits(resources: Resources, capacity: Capacity, usage: Usage): boolean {
  const { cpu, memoryMb, gpuCount } = resources;
  return (
    usage.slots < capacity.slots &&
    (cpu === 0 || Math.round((usage.cpu + cpu) * 1_000) <= Math.round(capacity.cpu * 1_000)) &&
    (memoryMb === 0 || usage.memoryMb + memoryMb <= capacity.memoryMb) &&
    (gpuCount === 0 || usage.gpuIndexes.size + gpuCount <= capacity.gpuCount)
  );
}

/** The indexes of the lowest free GPUs, at most `count`. */
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
  for (const execution of held) {
    cpu += execution.resources.cpu;
    memoryMb += execution.resources.memoryMb;
    slots += 1;
    for (const index of execution.gpuIndexes) gpuIndexes.add(index);
  }
  return { cpu, memoryMb, slots, gpuIndexes };
}
