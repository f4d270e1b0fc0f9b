import { bytesText } from "../../shared/bytes-text.ts";
import { ComputeError } from "../../shared/errors.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import type { JobInputs, PlacedInput } from "../../shared/node.ts";
import { textOf } from "../../shared/text-of.ts";
import { StartFailedError } from "../executors/port/executor.ts";
import type { FetchProgress } from "../files/input-fetcher.ts";
import type { ExecutionNews } from "../supervisor/link.ts";
import type { OrderedFiles, RunEnd, StartOrder } from "../supervisor/protocol.ts";

export interface PreparationsParts {
  /** Asks the server what the job gets. Waits while the server is away. */
  ask(executionId: string, signal: AbortSignal): Promise<JobInputs>;
  /** Brings the files into the cache. */
  fetch(
    executionId: string,
    inputs: readonly PlacedInput[],
    progress: FetchProgress[],
    signal: AbortSignal,
  ): Promise<void>;
  /** The job needs its files in the cache no more. */
  unpin(executionId: string): void;
  /** A blob in the cache is damaged. */
  removeBlob(sha256: string): void;
  /** The directory of the cache. */
  cache(): string;
  /** Everything is here. */
  start(order: StartOrder): void;
  /** The supervisor may go on; or it cannot, and why. */
  found(executionId: string, problem?: string): void;
  onNews(news: ExecutionNews): void;
}

interface Preparation {
  stop: AbortController;
  progress: FetchProgress[];
}

const MAX_MESSAGE_LENGTH = 4_000;

/** What is said to a job that is being prepared. */
type Message = "cancel" | "kill" | "drop" | "forget";

/** Whether the server must be asked before the job can start. */
export function needsFiles(manifest: JobManifest): boolean {
  const { inputs, secretEnv, secretFiles, envFrom } = manifest;
  return [inputs, secretEnv, secretFiles, envFrom].some((one) => one !== undefined);
}

/**
 * Gets everything for jobs with inputs, secrets or results of other jobs before they go to the supervisor. Towards the
 * worker a job in preparation is a job that is starting: it ends with news, and can be cancelled.
 */
export class Preparations {
  private readonly running = new Map<string, Preparation>();
  /** The inputs of jobs that may still be placing them, so that a lost blob can be fetched again. */
  private readonly placing = new Map<string, readonly PlacedInput[]>();
  /** Jobs whose supervisor waits for a lost blob. */
  private readonly again = new Map<string, AbortController>();

  constructor(private readonly parts: PreparationsParts) {}

  begin(order: StartOrder): void {
    const { executionId } = order.assignment;
    void this.run(executionId, async (preparation) => {
      const { stop, progress } = preparation;
      const given = await this.parts.ask(executionId, stop.signal);
      stop.signal.throwIfAborted();
      this.placing.set(executionId, given.inputs);
      await this.parts.fetch(executionId, given.inputs, progress, stop.signal);
      stop.signal.throwIfAborted();
      const fetchedBytes = progress.reduce((sum, one) => sum + one.fetchedBytes, 0);
      const files: OrderedFiles = { ...given, cache: this.parts.cache(), fetchedBytes };
      this.parts.start({ ...order, files });
    });
  }

  /** The supervisor found a blob missing or damaged while it placed the job's files, and waits. */
  async fetchAgain(executionId: string, sha256: string): Promise<void> {
    if (this.again.has(executionId)) return;
    const stop = new AbortController();
    this.again.set(executionId, stop);
    try {
      this.parts.removeBlob(sha256);
      // After a restart of the agent, only the server knows the inputs.
      const inputs = this.placing.get(executionId) ?? (await this.parts.ask(executionId, stop.signal)).inputs;
      this.placing.set(executionId, inputs);
      await this.parts.fetch(executionId, inputs, [], stop.signal);
      this.parts.found(executionId);
    } catch (error) {
      if (!stop.signal.aborted) this.parts.found(executionId, messageOf(error));
    } finally {
      this.again.delete(executionId);
    }
  }

  /** Returns whether the job is in preparation, and so nobody else needs to be told. */
  tell(executionId: string, message: Message): boolean {
    const preparation = this.running.get(executionId);
    if (message === "cancel" || message === "kill") preparation?.stop.abort();
    return preparation !== undefined;
  }

  /** Its files are in its directory, or it is over. */
  settled(executionId: string): void {
    this.placing.delete(executionId);
    this.again.get(executionId)?.abort();
    this.parts.unpin(executionId);
  }

  /** What the job waits for, in words; undefined: it is not in preparation. */
  inWords(executionId: string): string | undefined {
    const preparation = this.running.get(executionId);
    if (!preparation) return undefined;
    const totalBytes = preparation.progress.reduce((sum, one) => sum + one.totalBytes, 0);
    const doneBytes = preparation.progress.reduce((sum, one) => sum + one.doneBytes, 0);
    if (totalBytes === 0) return "asking the server for its inputs";
    return `fetching inputs: ${bytesText(doneBytes)} of ${bytesText(totalBytes)}`;
  }

  /** The agent ends. What is in preparation is left to the next agent, which gets it from the server again. */
  close(): void {
    for (const [executionId, { stop }] of this.running) {
      this.running.delete(executionId);
      stop.abort();
    }
    for (const stop of this.again.values()) stop.abort();
  }

  private async run(executionId: string, steps: (preparation: Preparation) => Promise<void>): Promise<void> {
    const preparation: Preparation = { stop: new AbortController(), progress: [] };
    this.running.set(executionId, preparation);
    const isOurs = () => this.running.get(executionId) === preparation;
    try {
      await steps(preparation);
      if (isOurs()) this.running.delete(executionId);
    } catch (error) {
      if (!isOurs()) return;
      this.running.delete(executionId);
      this.settled(executionId);
      const end = endOf(error, preparation.stop.signal);
      this.parts.onNews({ type: "ended", executionId, lastSeq: 0, at: new Date().toISOString(), end });
    }
  }
}

function endOf(error: unknown, signal: AbortSignal): RunEnd {
  if (signal.aborted) return { status: "CANCELLED" };
  return { status: "FAILED", reason: "StartFailed", message: messageOf(error) };
}

function messageOf(error: unknown): string {
  const isKnown = error instanceof StartFailedError || error instanceof ComputeError;
  const message = isKnown ? error.message : `The node could not get what the job needs: ${textOf(error)}`;
  return message.slice(0, MAX_MESSAGE_LENGTH);
}
