import type { Bus } from "../bus/bus.ts";
import { nodeOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import { continuingLines, type ExecutionLines, type LogStore } from "./log-store.ts";

/** An execution of the calling node. `current`: it decides its job's outcome and has not ended. */
export interface PushingExecution {
  jobId: string;
  businessId: string;
  attempt: number;
  current: boolean;
}

export interface PushParts {
  store: LogStore;
  bus: Bus;
  /** Why there is no room for output now, if so; see `Stores`. */
  shortage(): string | undefined;
  /** The executions of the list that belong to the node. */
  executionsOf(nodeId: string, executionIds: readonly string[]): Promise<Map<string, PushingExecution>>;
}

/** How many executions have their place in the live lines remembered; for others the store is read. */
const MAX_REMEMBERED = 10_000;

/**
 * The handler of `nodes.logs`. New lines are published before they are stored, so followers do not wait for the disk. Only
 * stored lines are acknowledged.
 */
export function pushLogs(parts: PushParts): Handlers["nodes.logs"] {
  const published = new PublishedSeqs(parts.store);
  return async ({ batches }, context) => {
    const { nodeId } = nodeOf(context);
    const executionIds = [...new Set(batches.map((batch) => batch.executionId))];
    const executions = await parts.executionsOf(nodeId, executionIds);
    const isFull = parts.shortage() !== undefined;
    const accepted = batches.map((batch): ExecutionLines | "stale" | "full" => {
      const execution = executions.get(batch.executionId);
      if (!execution?.current) return "stale";
      return isFull ? "full" : { ...execution, ...batch };
    });
    const current = accepted.filter((batch) => typeof batch === "object");
    for (const batch of current) await publishNew(parts.bus, published, batch);
    const stored = (await parts.store.append(current)).values();
    return {
      stored: accepted.map((batch) => (typeof batch === "object" ? (stored.next().value ?? 0) : batch)),
    };
  };
}

/** Publishes lines that no follower has seen and that leave no hole. The node sends the others again. */
async function publishNew(bus: Bus, published: PublishedSeqs, batch: ExecutionLines): Promise<void> {
  const { jobId, executionId, attempt } = batch;
  await published.load(executionId, batch.lines[0]?.seq ?? 0);
  const last = published.get(executionId);
  const lines = continuingLines(batch.lines, last);
  if (lines.length === 0) return;
  published.set(executionId, last + lines.length);
  bus.publish("logs", { jobId, executionId, attempt, lines });
}

/** The highest published seq of each execution. It may differ from the stored seq for a moment. */
class PublishedSeqs {
  private readonly seqs = new RecentMap<number>(MAX_REMEMBERED);

  constructor(private readonly store: LogStore) {}

  /** Reads the store if nothing is remembered, or if another server published the lines before `firstSeq`. */
  async load(executionId: string, firstSeq: number): Promise<void> {
    const remembered = this.seqs.get(executionId);
    if (remembered !== undefined && firstSeq <= remembered + 1) return;
    const stored = await this.store.lastSeq(executionId);
    this.set(executionId, Math.max(stored, this.get(executionId)));
  }

  get(executionId: string): number {
    return this.seqs.get(executionId) ?? 0;
  }

  set(executionId: string, seq: number): void {
    this.seqs.set(executionId, seq);
  }
}
