import type { NodeLoad } from "../../shared/node.ts";
import type { ExecutionStore, LiveExecution } from "../execution/execution-store.ts";

/** Keeps what nodes and executions use. None of its methods throws or takes long. */
export interface LoadHistory {
  load(load: {
    nodeId: string;
    cpu?: number | undefined;
    memoryMb?: number | undefined;
    running: number;
  }): void;
  sampled(
    execution: { executionId: string; jobId: string; businessId: string; startMs: number },
    samples: readonly { atMs: number; cpu: number; memoryMb: number }[],
  ): void;
}

export interface Heard {
  nodeId: string;
  load?: NodeLoad | undefined;
  /** The executions that the node has, as the server knows them. */
  live: readonly LiveExecution[];
  nowMs: number;
}

/** Records what a node reports about itself and about executions that are its own. */
export async function recordLoad(
  history: LoadHistory,
  executions: Pick<ExecutionStore, "findOfNode">,
  { nodeId, load, live, nowMs }: Heard,
): Promise<void> {
  const running = live.filter(({ execution }) => execution.status === "RUNNING");
  history.load({ nodeId, cpu: load?.cpu, memoryMb: load?.memoryMb, running: running.length });
  if (!load || load.executions.length === 0) return;
  const byId = new Map(running.map(({ execution }) => [execution.executionId, execution]));
  // Some have ended since they were sampled.
  const others = load.executions.map(({ executionId }) => executionId).filter((id) => !byId.has(id));
  const ended = others.length > 0 ? await executions.findOfNode(nodeId, others) : [];
  for (const { execution } of ended) byId.set(execution.executionId, execution);
  for (const { executionId, samples } of load.executions) {
    const execution = byId.get(executionId);
    if (!execution) continue;
    const { jobId, businessId, startedAtMs: startMs = nowMs } = execution;
    history.sampled(
      { executionId, jobId, businessId, startMs },
      samples.map(([secondsAgo, cpu, memoryMb]) => ({ atMs: nowMs - secondsAgo * 1_000, cpu, memoryMb })),
    );
  }
}
