import type { LogLine } from "../../shared/log.ts";
import type { DueKind } from "../tasks/due-times.ts";

/**
 * What servers tell each other. Messages make things fast, never correct: each may be lost or arrive twice, and the
 * store alone says what is true.
 */
export interface BusMessages {
  /** Work may be waiting for nodes of this business; with a node id, for that one, which has room again. */
  wake: { businessId: string; nodeId?: string };
  /** Jobs of a business changed. */
  jobs: { businessId: string; jobIds: readonly string[] };
  /** A node has orders to fetch, or changed its status, key or session. */
  node: { nodeId: string; businessId: string };
  /** A session was ended: nothing goes on for it. */
  session: { sessionId: string };
  /** Something is due then (epoch milliseconds): whoever knows of it may be gone by that time. */
  due: { what: DueKind; atMs: number };
  /** Lines of output without holes, in the order of their seq, before they are on disk. */
  logs: { jobId: string; executionId: string; attempt: number; lines: readonly LogLine[] };
}

export type BusTopic = keyof BusMessages;

export interface Bus {
  /**
   * Hands the message to every subscriber of this topic: at once to those of this server, soon to those of others,
   * which get the messages of one server and topic (of `logs`: of one job) in their order. Never throws, never waits.
   */
  publish<Topic extends BusTopic>(topic: Topic, message: BusMessages[Topic]): void;
  /** Calls `listener` for every message until the returned function is called. A listener must not throw. */
  subscribe<Topic extends BusTopic>(
    topic: Topic,
    listener: (message: BusMessages[Topic]) => void,
  ): () => void;
  /**
   * Somebody follows this job here: until the returned function is called, its `logs` reach this server also where
   * they are published on another one. Without it only those published here do. `mayHaveMissed` is called when that
   * begins to work and whenever messages may have been lost since; what is missed by then is in the store, or comes.
   */
  followLogs(jobId: string, mayHaveMissed: () => void): () => void;
  close(): Promise<void>;
}
