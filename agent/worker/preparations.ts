import { bytesText } from "../../shared/bytes-text.ts";
import { ComputeError } from "../../shared/errors.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import type { JobInputs, PlacedInput } from "../../shared/node.ts";
import { textOf } from "../../shared/text-of.ts";
import { StartFailedError } from "../executors/port/executor.ts";
import type { FetchProgress } from "../files/input-fetcher.ts";
import type { ExecutionNews } from "../supervisor/link.ts";
import type { Found, OrderedFiles, RunEnd, StartOrder } from "../supervisor/protocol.ts";

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
  /** The cache has everything that a started job needs; or it cannot have it, and why. */
  found(executionId: string, found: Found): void;
  onNews(news: ExecutionNews): void;
}

interface Preparation {
  stop: AbortController;
  progress: FetchProgress[];
  /** For another supervisor if the one that has the job dies now; at most once. */
  order?: StartOrder | undefined;
}

const MAX_MESSAGE_LENGTH = 4_000;
/**
 * Jobs that go to the supervisor while their files still come, so that it places what is there. It places the files of a few
 * jobs at a time, and those that have everything must not wait for those that do not.
 */
const MAX_EARLY = 4;

/** What is said to a job that is being prepared. */
type Message = "cancel" | "kill" | "drop" | "forget";

/** Whether the server must be asked before the job can start. */
export function needsFiles(manifest: JobManifest): boolean {
  const { inputs, secretEnv, secretFiles, envFrom, workflow } = manifest;
  return [inputs, secretEnv, secretFiles, envFrom, workflow].some((one) => one !== undefined);
}

/**
 * Gets everything for jobs with inputs, secrets or results of other jobs. Towards the worker a job in preparation is a job
 * that is starting: it ends with news, and can be cancelled. It goes to the supervisor at the latest when its files are here.
 */
export class Preparations {
  private readonly running = new Map<string, Preparation>();
  /** The inputs of jobs that may still be placing them, so that a lost blob can be fetched again. */
  private readonly placing = new Map<string, readonly PlacedInput[]>();
  /** Jobs that are with a supervisor, and whose files still come. */
  private readonly coming = new Map<string, Preparation>();

  constructor(private readonly parts: PreparationsParts) {}

  begin(order: StartOrder): void {
    const { executionId } = order.assignment;
    void this.run(executionId, async (preparation) => {
      const { stop, progress } = preparation;
      const given = await this.parts.ask(executionId, stop.signal);
      stop.signal.throwIfAborted();
      this.placing.set(executionId, given.inputs);
      const areComing = given.inputs.length > 0 && this.coming.size < MAX_EARLY;
      if (!areComing) await this.parts.fetch(executionId, given.inputs, progress, stop.signal);
      stop.signal.throwIfAborted();
      const files: OrderedFiles = {
        ...given,
        cache: this.parts.cache(),
        fetchedBytes: fetchedBytesOf(progress),
      };
      preparation.order = { ...order, files: areComing ? { ...files, areComing } : files };
      this.parts.start(preparation.order);
      this.running.delete(executionId);
      if (areComing) await this.bring(executionId, preparation, async () => given.inputs);
    });
  }

  /** The supervisor found a blob missing or damaged while it placed the job's files, and waits. */
  async fetchAgain(executionId: string, sha256: string): Promise<void> {
    if (this.coming.has(executionId)) return;
    await this.bring(executionId, newPreparation(), async (signal) => {
      this.parts.removeBlob(sha256);
      // After a restart of the agent, only the server knows the inputs.
      return this.placing.get(executionId) ?? (await this.parts.ask(executionId, signal)).inputs;
    });
  }

  /** Returns whether the job is in preparation, and so nobody else needs to be told. */
  tell(executionId: string, message: Message): boolean {
    const preparation = this.running.get(executionId);
    const coming = this.coming.get(executionId);
    if (message === "cancel" || message === "kill") {
      preparation?.stop.abort();
      if (coming) coming.order = undefined;
    }
    return preparation !== undefined;
  }

  /** The supervisor of these jobs died. Starts those again whose files still come, and returns the others. */
  startAgain(executionIds: readonly string[]): string[] {
    return executionIds.filter((executionId) => {
      const coming = this.coming.get(executionId);
      const order = coming?.order;
      if (!coming || !order) return true;
      coming.order = undefined;
      this.parts.start(order);
      return false;
    });
  }

  /** Its files are in its directory, or it is over. */
  settled(executionId: string): void {
    this.placing.delete(executionId);
    this.coming.get(executionId)?.stop.abort();
    this.parts.unpin(executionId);
  }

  /** What the job waits for, in words; undefined: it is not in preparation. */
  inWords(executionId: string): string | undefined {
    const preparation = this.running.get(executionId) ?? this.coming.get(executionId);
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
    for (const { stop } of this.coming.values()) stop.abort();
  }

  /** Fetches the files of a job that is with a supervisor, which waits for the outcome. */
  private async bring(
    executionId: string,
    preparation: Preparation,
    inputsOf: (signal: AbortSignal) => Promise<readonly PlacedInput[]>,
  ): Promise<void> {
    const { stop, progress } = preparation;
    this.coming.set(executionId, preparation);
    try {
      const inputs = await inputsOf(stop.signal);
      stop.signal.throwIfAborted();
      this.placing.set(executionId, inputs);
      await this.parts.fetch(executionId, inputs, progress, stop.signal);
      this.parts.found(executionId, { fetchedBytes: fetchedBytesOf(progress) });
    } catch (error) {
      if (!stop.signal.aborted) this.parts.found(executionId, { problem: messageOf(error) });
    } finally {
      this.coming.delete(executionId);
    }
  }

  private async run(executionId: string, steps: (preparation: Preparation) => Promise<void>): Promise<void> {
    const preparation = newPreparation();
    this.running.set(executionId, preparation);
    const isOurs = () => this.running.get(executionId) === preparation;
    try {
      await steps(preparation);
    } catch (error) {
      if (!isOurs()) return;
      this.running.delete(executionId);
      this.settled(executionId);
      const end = endOf(error, preparation.stop.signal);
      this.parts.onNews({ type: "ended", executionId, lastSeq: 0, at: new Date().toISOString(), end });
    }
  }
}

function newPreparation(): Preparation {
  return { stop: new AbortController(), progress: [] };
}

function fetchedBytesOf(progress: readonly FetchProgress[]): number {
  return progress.reduce((sum, one) => sum + one.fetchedBytes, 0);
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
