import type { Change } from "../../shared/activity.ts";
import type { PackedLines } from "../../shared/packed-lines.ts";
import type { WorkflowEvent } from "../../shared/workflow-run.ts";
import type { DueKind } from "../tasks/due-times.ts";

/**
 * What servers tell each other. Messages make things fast, never correct: each one may be lost or arrive twice, and
 * only the store knows what is true.
 */
export interface BusMessages {
  /** Work may be waiting for the nodes of this business. With a node id: only for that node, which has room again. */
  wake: { businessId: string; nodeId?: string };
  /** Jobs of a business changed. */
  jobs: { businessId: string; jobIds: readonly string[] };
  /** Something changed that no other message announces. Only people who look at it wait for this. */
  activity: { businessId: string } & Change;
  /** A node has orders to fetch, or changed its status, key or session. */
  node: { nodeId: string; businessId: string };
  /** A session was ended: everything it waits for ends too. */
  session: { sessionId: string };
  /** Something is due at that time (epoch milliseconds). All servers hear of it, in case the sender is gone by then. */
  due: { what: DueKind; atMs: number };
  /** Files may have become superfluous, or there is no room for more. */
  files: { mayGo: true };
  /** Lines of output without gaps, in the order of their seq, before they are on disk. */
  logs: { jobId: string; executionId: string; attempt: number } & PackedLines;
  /** Events of a workflow that are stored; `from`: how many come before them. */
  workflow: {
    jobId: string;
    executionId: string;
    attempt: number;
    from: number;
    events: readonly WorkflowEvent[];
  };
}

export type BusTopic = keyof BusMessages;

export interface Bus {
  /**
   * Hands the message to every subscriber of this topic: on this server before it returns, on other servers soon after.
   * Messages from one server on one topic (in `logs` and `workflow`: about one job) arrive in order. Never throws, never
   * waits.
   */
  publish<Topic extends BusTopic>(topic: Topic, message: BusMessages[Topic]): void;
  /**
   * Calls `listener` for every message until the returned function is called. A listener must not throw. If another
   * listener unsubscribes it while a message is handed out, it may still get that message.
   */
  subscribe<Topic extends BusTopic>(
    topic: Topic,
    listener: (message: BusMessages[Topic]) => void,
  ): () => void;
  /**
   * Says that this server follows the job: until the returned function is called, it also gets the job's `logs` and
   * `workflow` that other servers publish. Otherwise it gets only its own. `mayHaveMissed` is called once this works, and
   * whenever messages may have been lost; anything missed by then is in the store or still to come.
   */
  followLogs(jobId: string, mayHaveMissed: () => void): () => void;
  /**
   * Calls `listener` whenever messages of other servers may have been lost, and now and then if that cannot be known, until
   * the returned function is called. On a bus of a server that is alone this never happens.
   */
  onMissed(listener: () => void): () => void;
  close(): Promise<void>;
}
