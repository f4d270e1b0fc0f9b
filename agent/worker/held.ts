import type { Assignment, ExecutionReport } from "../../shared/node.ts";
import type { LineQueue } from "../logs/line-queue.ts";
import type { ExecutionFacts } from "../supervisor/protocol.ts";
import type { SendingEvents } from "./event-sender.ts";
import type { ExecutionPhase } from "./execution-state.ts";
import type { Collecting } from "./output-collector.ts";

/** Where executions run: in the supervisors. Orders are carried out in the given order. None of them waits. */
export interface ExecutionPlace {
  /** Starts it and returns its facts. Throws StartFailedError when this node lacks something the job was assigned. */
  start(assignment: Assignment): ExecutionFacts;
  tell(executionId: string, type: "cancel" | "kill" | "drop" | "forget"): void;
  stored(executionId: string, seq: number): void;
  /** A blob that the job needs is damaged or missing in the cache. */
  lost(executionId: string, sha256: string): void;
  /** The execution has begun, or is over. */
  settled(executionId: string): void;
  /** What it waits for before it starts, in words; undefined: nothing that is known here. */
  waitsFor(executionId: string): string | undefined;
}

/** An execution that may still run, as people see it. */
export interface RunningExecution extends Partial<ExecutionFacts> {
  executionId: string;
  /** When its command began; absent while it is being prepared. */
  startedAt?: string;
  enforcedBy?: string;
  /** What it waits for before it starts: "fetching inputs: 412 MiB of 2 GiB". */
  waitsFor?: string;
}

/** An execution that this agent still has work with. */
export interface Held {
  phase: ExecutionPhase;
  /** When it took its slot, by `performance.now()`; an execution that was taken over has had it for longer than is known. */
  begunAtMs: number;
  facts?: ExecutionFacts;
  startedAt?: string;
  enforcedBy?: string;
  lines: LineQueue;
  /** Not yet acknowledged, in order. */
  reports: ExecutionReport[];
  /** The server asked to cancel it, whether or not its command is over. */
  cancelAsked?: boolean;
  /** Its outputs are being collected. Its result waits for that. */
  collecting?: Collecting | undefined;
  /** Its events are being sent. Its result waits for the last of them. */
  sending?: SendingEvents | undefined;
}

/** Changes the result of an execution that is over: its last report. Returns whether there is one. */
export function changeResult(held: Held, change: (result: ExecutionReport) => ExecutionReport): boolean {
  const result = held.reports.at(-1);
  if (!result) return false;
  held.reports = [...held.reports.slice(0, -1), change(result)];
  return true;
}
