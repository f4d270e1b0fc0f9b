import { ComputeError } from "../../shared/errors.ts";
import { limits } from "../../shared/limits.ts";
import { linesOfRun, packRuns } from "../../shared/line-runs.ts";
import type { LogBatch } from "../../shared/log.ts";
import { continuing, type PackedLines } from "../../shared/packed-lines.ts";
import type { Bus } from "../bus/bus.ts";
import { nodeOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import type { ExecutionLines, LogStore } from "./log-store.ts";

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
    const lines = packedLines(batches);
    const executionIds = [...new Set(batches.map((batch) => batch.executionId))];
    const executions = await parts.executionsOf(nodeId, executionIds);
    const isFull = parts.shortage() !== undefined;
    const accepted = batches.map(({ executionId }, i): ExecutionLines | "stale" | "full" => {
      const execution = executions.get(executionId);
      const packed = lines[i];
      if (!execution?.current || !packed) return "stale";
      return isFull ? "full" : { ...execution, executionId, ...packed };
    });
    const current = accepted.filter((batch) => typeof batch === "object");
    for (const batch of current) await publishNew(parts.bus, published, batch);
    const stored = (await parts.store.append(current)).values();
    return {
      stored: accepted.map((batch) => (typeof batch === "object" ? (stored.next().value ?? 0) : batch)),
    };
  };
}

/** Throws `invalid_request` if there are too many lines, or runs that are not what they say. */
function packedLines(batches: readonly LogBatch[]): PackedLines[] {
  const { maxLogLinesPerRequest: most } = limits;
  let count = 0;
  for (const { runs } of batches) for (const run of runs) count += linesOfRun(run);
  if (count > most) throw invalid("batches", `at most ${most} lines in one request`);
  return batches.map(({ seq, runs }, i) => {
    const packed = packRuns(seq, runs);
    if (!packed)
      throw invalid(`batches.${i}.runs`, "a run has another number of lines, or a line is too long");
    return packed;
  });
}

function invalid(path: string, message: string): ComputeError {
  return new ComputeError("invalid_request", `${path}: ${message}`, { errors: [{ path, message }] });
}

/** Publishes lines that no follower has seen and that leave no hole. The node sends the others again. */
async function publishNew(bus: Bus, published: PublishedSeqs, batch: ExecutionLines): Promise<void> {
  const { jobId, executionId, attempt } = batch;
  await published.load(executionId, batch.firstSeq);
  const part = continuing(batch, published.get(executionId));
  if (!part) return;
  const { firstSeq, lastSeq, lines } = part;
  published.set(executionId, lastSeq);
  bus.publish("logs", { jobId, executionId, attempt, firstSeq, lastSeq, lines });
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
