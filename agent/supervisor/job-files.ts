import { readdirSync, type Stats, statSync } from "node:fs";
import { resolve } from "node:path";
import { FileError } from "../../sdk/files/file-error.ts";
import { bytesText } from "../../shared/bytes-text.ts";
import { counted } from "../../shared/counted.ts";
import type { ExecutionEnd } from "../../shared/execution.ts";
import { Gate } from "../../shared/gate.ts";
import { globBase } from "../../shared/job-files.ts";
import { Bell } from "../../shared/wait.ts";
import { type RunningTask, StartFailedError } from "../executors/port/executor.ts";
import { RESULTS_FILE } from "../executors/port/results-file.ts";
import { LostBlobError } from "../files/blob-reader.ts";
import { eraseFile, readSmallFile } from "../files/job-file.ts";
import { placeInputs, placeSecrets } from "../files/place-inputs.ts";
import { type OutputProblem, readResults } from "../files/result-file.ts";
import type { JobDirectory } from "./job-directory.ts";
import type { Found, OrderedFiles, StartOrder, WaitingOutputs } from "./protocol.ts";

export interface JobFilesParts {
  order: StartOrder;
  directory: JobDirectory;
  /** Adds a line to the job's log. */
  say(text: string): void;
  /** The agent must fetch the blob again, and then call `found`. */
  lost(sha256: string): void;
}

/** What a job leaves besides its exit. */
export interface LeftByJob extends Pick<ExecutionEnd, "results" | "outputProblems"> {
  /** Its outputs wait in the job's directory. */
  outputs?: WaitingOutputs;
}

/** Jobs whose files are being placed at the same time; each takes a few MiB of memory. */
const placing = new Gate(8);
const MAX_LOST = 20;
/** How often to look for a file that is on its way to the cache. */
const LOOK_MS = 20;

/** Places the files of one job before it starts, and looks at what it leaves when it is over. */
export class JobFiles {
  /** The files that hold secrets, as they were made. */
  private readonly secretFiles = new Map<string, Stats>();
  /** The cache does not have everything yet; `found` will be called. */
  private isComing: boolean;
  private readonly bell = new Bell();
  /** Why the cache cannot have everything. */
  private problem: string | undefined;
  private fetchedBytes: number;

  constructor(private readonly parts: JobFilesParts) {
    const { areComing = false, fetchedBytes = 0 } = parts.order.files ?? {};
    this.isComing = areComing;
    this.fetchedBytes = fetchedBytes;
  }

  /** Throws StartFailedError, and the signal's reason. */
  async place(signal: AbortSignal): Promise<void> {
    const { files } = this.parts.order;
    if (!files) return;
    await placing.pass(() => this.placeAll(files, signal), signal);
  }

  /** The cache has everything, also what was lost; or it cannot have it, and why. */
  found({ problem, fetchedBytes = 0 }: Found): void {
    this.problem = problem;
    this.fetchedBytes += fetchedBytes;
    this.isComing = false;
    this.bell.ring();
  }

  /** Called when no process of the job is left. If there is nothing to collect, its directory is gone. */
  async leftNothing({
    ownOutputs = [],
    events,
  }: Pick<RunningTask, "ownOutputs" | "events">): Promise<boolean> {
    const mayWait = ownOutputs.length > 0 || events !== undefined || this.secretFiles.size > 0;
    if (mayWait || this.parts.order.assignment.manifest.outputs) return false;
    return this.parts.directory.removeIfEmpty();
  }

  /** The same: what it left. */
  collect({ outputRoot, ownOutputs = [] }: Pick<RunningTask, "outputRoot" | "ownOutputs">): LeftByJob {
    const { directory, order } = this.parts;
    this.eraseSecrets();
    const { results, problems } = this.results();
    const own = ownOutputs.filter((glob) => hasFiles(resolve(outputRoot, globBase(glob))));
    const globs = [...(order.assignment.manifest.outputs ?? []), ...own];
    const left: LeftByJob = {};
    if (Object.keys(results).length > 0) left.results = results;
    if (globs.length > 0) {
      const waiting = { globs, root: outputRoot, directory: directory.path, exclude: this.kept() };
      left.outputs = { ...waiting, ...(this.account === undefined ? {} : { ownerUid: this.account.uid }) };
    }
    if (problems.length > 0) left.outputProblems = problems;
    return left;
  }

  private async placeAll(files: OrderedFiles, signal: AbortSignal): Promise<void> {
    const { directory, say } = this.parts;
    const options = { owner: this.parts.order.account, signal, more: () => this.more(signal) };
    const atMs = performance.now();
    for (let lost = 0; ; lost++) {
      try {
        const { files: count, bytes } = await placeInputs(files.cache, files.inputs, directory.path, options);
        await this.untilFound(signal);
        const fetched =
          this.fetchedBytes > 0 ? `; ${bytesText(this.fetchedBytes)} came over the network` : "";
        const seconds = Math.round((performance.now() - atMs) / 1_000);
        const time = seconds > 0 ? ` in ${seconds} s` : "";
        if (files.inputs.length > 0)
          say(`Placed ${counted(count, "file")} (${bytesText(bytes)})${time}${fetched}.`);
        break;
      } catch (error) {
        if (lost === MAX_LOST && error instanceof LostBlobError)
          throw new StartFailedError(`The node's cache is damaged again and again: ${error.message}.`);
        await this.untilWorthAnotherTry(error, signal);
      }
    }
    const secrets = Object.entries(files.secretFiles).map(([path, value]) => [path, decoded(value)] as const);
    await placeSecrets(new Map(secrets), directory.path, options);
    for (const [path] of secrets) this.secretFiles.set(path, statSync(resolve(directory.path, path)));
    for (const note of files.notes) say(note);
  }

  /** Removes what was placed and waits for the rest. Throws if that cannot help. */
  private async untilWorthAnotherTry(error: unknown, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.problem !== undefined) throw new StartFailedError(this.problem);
    const isLost = error instanceof LostBlobError;
    // On a full disk, what still comes to the cache needs the room of what was placed.
    if (!isLost && !(this.isComing && isDiskError(error))) throw error;
    await this.parts.directory.empty();
    if (isLost) {
      this.isComing = true;
      this.parts.lost(error.sha256);
    }
    await this.untilFound(signal);
  }

  private async untilFound(signal: AbortSignal): Promise<void> {
    while (this.isComing) await this.more(signal);
  }

  /** Waits a moment if files are on their way to the cache. Returns whether there were any. */
  private async more(signal: AbortSignal): Promise<boolean> {
    const { isComing } = this;
    if (isComing) await this.bell.wait(signal, LOOK_MS);
    signal.throwIfAborted();
    if (this.problem !== undefined) throw new StartFailedError(this.problem);
    return isComing;
  }

  private results(): { results: Record<string, string>; problems: OutputProblem[] } {
    const path = resolve(this.parts.directory.path, RESULTS_FILE);
    try {
      const content = readSmallFile(path, this.account?.uid);
      return content ? readResults(content) : { results: {}, problems: [] };
    } catch (error) {
      return { results: {}, problems: [{ path: "$TANVRIT_RESULTS", message: (error as Error).message }] };
    }
  }

  /** The content of a secret must not stay on the disk, nor become an output. */
  private eraseSecrets(): void {
    for (const [path, made] of this.secretFiles) eraseFile(resolve(this.parts.directory.path, path), made);
  }

  /** Paths in the job's directory that are never outputs. */
  private kept(): string[] {
    return [RESULTS_FILE, ...Object.keys(this.parts.order.files?.secretFiles ?? {})];
  }

  /** The account that owns what the job writes; undefined: it is not known. Containers write as any account. */
  private get account() {
    const { account, assignment } = this.parts.order;
    return assignment.manifest.type === "DOCKER" ? undefined : account;
  }
}

function hasFiles(directory: string): boolean {
  try {
    return readdirSync(directory).length > 0;
  } catch {
    return false;
  }
}

function isDiskError(error: unknown): boolean {
  const { cause } = error as Error;
  return error instanceof StartFailedError && cause instanceof FileError && cause.reason === "disk";
}

function decoded(base64: string): Uint8Array {
  return Buffer.from(base64, "base64");
}
