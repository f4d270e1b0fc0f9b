import { realpathSync } from "node:fs";
import { join } from "node:path";
import type { FileError } from "../../sdk/files/file-error.ts";
import type { FileServer } from "../../sdk/files/file-server.ts";
import type { UploadedTree } from "../../sdk/files/upload-tree.ts";
import { FileGlobs } from "../../sdk/machine/files/file-globs.ts";
import { type FoundTree, findFiles } from "../../sdk/machine/files/find-files.ts";
import { sendFound } from "../../sdk/machine/files/send-found.ts";
import { bytesText, MIB } from "../../shared/bytes-text.ts";
import { codeOf } from "../../shared/code-of.ts";
import { ComputeError } from "../../shared/errors.ts";
import { Gate } from "../../shared/gate.ts";
import { limits } from "../../shared/limits.ts";
import type { Logger } from "../../shared/logger.ts";
import { type ExecutionReport, jsonBytes } from "../../shared/node.ts";
import { textOf } from "../../shared/text-of.ts";
import type { OutputProblem } from "../files/result-file.ts";
import type { WaitingOutputs } from "../supervisor/protocol.ts";

/** The server, for the outputs of jobs. */
export interface OutputServer {
  /** Repeats the step while the server is away. */
  use<T>(step: (files: FileServer) => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Resolves with the artifact's id; undefined: the server lacks blobs of the tree. */
  create(executionId: string, tree: UploadedTree, signal: AbortSignal): Promise<string | undefined>;
}

/** The most that is collected, in MiB; absent: no limit. */
export interface OutputLimits {
  maxFileMb?: number | undefined;
  maxMb?: number | undefined;
}

export interface OutputCollectorParts {
  server: OutputServer;
  limits(): OutputLimits;
  /** How long the end of a cancelled job may wait for its outputs. */
  cancelLimitMs?: number;
  log: Logger;
}

export interface Collected {
  artifactId?: string;
  problems: OutputProblem[];
}

/** The outputs of one execution on their way to the server. */
export interface Collecting {
  /** Never rejects. */
  over: Promise<Collected>;
  /** The job was cancelled: from now on its end waits only for a limited time. */
  hurry(): void;
  /** Nobody needs them any more. */
  stop(): void;
}

/** Executions whose outputs are sent at the same time; each takes up to 30 MiB of memory. */
const AT_ONCE = 2;
const CANCEL_LIMIT_MS = 120_000;
/** The server may lose blobs between their upload and the artifact, but not again and again. */
const MAX_ROUNDS = 5;
/** The upload goes on as long as the execution is this node's. */
const FOREVER_MS = Number.POSITIVE_INFINITY;

/** Sends the outputs of jobs that are over to the server, as one artifact for each execution. */
export class OutputCollector {
  private readonly gate = new Gate(AT_ONCE);
  private readonly closing = new AbortController();

  constructor(private readonly parts: OutputCollectorParts) {}

  begin(executionId: string, outputs: WaitingOutputs): Collecting {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const signal = AbortSignal.any([stop.signal, this.closing.signal]);
    const over = this.collect(executionId, outputs, signal).then((collected) => {
      clearTimeout(timer);
      // The next agent collects them.
      return this.closing.signal.aborted ? new Promise<never>(() => {}) : collected;
    });
    return {
      over,
      hurry: () => {
        const limitMs = this.parts.cancelLimitMs ?? CANCEL_LIMIT_MS;
        const tooLate = `the job was cancelled, and its outputs were not stored within ${limitMs / 1_000} s`;
        timer ??= setTimeout(() => stop.abort(new TooLateError(tooLate)), limitMs);
      },
      stop: () => stop.abort(),
    };
  }

  /** The agent ends. What is not at the server yet is left to the next agent. */
  close(): void {
    this.closing.abort();
  }

  private async collect(
    executionId: string,
    outputs: WaitingOutputs,
    signal: AbortSignal,
  ): Promise<Collected> {
    const problems = new Problems();
    try {
      const leave = await this.gate.enter(signal);
      try {
        const found = await findOutputs(outputs, this.parts.limits(), problems, signal);
        const artifactId =
          found.entries.length > 0
            ? await this.send(executionId, found, outputs, problems, signal)
            : undefined;
        return { ...(artifactId === undefined ? {} : { artifactId }), problems: problems.all };
      } finally {
        leave();
      }
    } catch (error) {
      if (!signal.aborted)
        this.parts.log.warn(`The outputs of a job cannot be stored: ${textOf(error)}`, { executionId });
      problems.add(".", whyNot(signal.aborted ? signal.reason : error));
      return { problems: problems.all };
    }
  }

  private async send(
    executionId: string,
    found: FoundTree,
    { ownerUid }: WaitingOutputs,
    problems: Problems,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { server } = this.parts;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const tree = await server.use((files) => {
        problems.forget();
        return sendFound(files, found, {
          signal,
          firstMs: FOREVER_MS,
          awayMs: FOREVER_MS,
          onProblem: (error) => problems.of(error),
          ...(ownerUid === undefined ? {} : { ownerUid }),
        });
      }, signal);
      const artifactId = await server.create(executionId, tree, signal);
      if (artifactId !== undefined) return artifactId;
    }
    throw new Error("the server lost them again and again while they were sent");
  }
}

class TooLateError extends Error {}

/** Finds the outputs of a job that is over. */
async function findOutputs(
  outputs: WaitingOutputs,
  { maxFileMb, maxMb }: OutputLimits,
  problems: Problems,
  signal: AbortSignal,
): Promise<FoundTree> {
  const { root, directory, globs, exclude, ownerUid } = outputs;
  const [realRoot, realDirectory] = [realPath(root), realPath(directory)];
  if (ownerUid !== undefined && realRoot !== realDirectory && !realRoot.startsWith(`${realDirectory}/`)) {
    throw new Error(
      `the job starts in ${root}, and outputs are collected only in the job's own directory on a node that runs jobs as another account`,
    );
  }
  const found = await findFiles(realRoot, {
    noIgnore: true,
    globs,
    // Not even named as a problem.
    exclude: realRoot === realDirectory ? exclude.filter((path) => !path.includes("/")) : [],
    signal,
    onProblem: (error) => problems.of(error),
    ...(maxFileMb === undefined ? {} : { maxFileBytes: maxFileMb * MIB }),
  });
  problems.keep();
  if (found.type === "file") throw new Error(`${root} is a file and not a directory any more`);
  const never = new Set(exclude.map((path) => join(realDirectory, path)));
  withoutFiles(found, (source) => never.has(source));
  if (maxMb !== undefined) leaveOutAbove(found, maxMb * MIB, problems);
  for (const glob of globs) {
    if (glob.startsWith("!")) continue;
    const matcher = new FileGlobs([glob]);
    if (!found.entries.some(({ path, type }) => matcher.matches(path, type === "directory")))
      problems.add(glob, "there is no such file");
  }
  problems.keep();
  return found;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    const why = codeOf(error) === "ENOENT" ? "it is not there any more" : textOf(error);
    throw new Error(`${path} cannot be searched for them: ${why}`, { cause: error });
  }
}

function withoutFiles(found: FoundTree, isOut: (source: string) => boolean): void {
  found.entries = found.entries.filter((entry) => {
    if (entry.type !== "file" || !isOut(entry.source)) return true;
    found.files--;
    found.bytes -= entry.size;
    return false;
  });
}

function leaveOutAbove(found: FoundTree, maxBytes: number, problems: Problems): void {
  if (found.bytes <= maxBytes) return;
  const out = new Set<string>();
  let bytes = 0;
  for (const entry of found.entries) {
    if (entry.type !== "file") continue;
    if (bytes + entry.size <= maxBytes) {
      bytes += entry.size;
      continue;
    }
    out.add(entry.source);
    problems.add(
      entry.path,
      `with it the outputs would have more than ${bytesText(maxBytes)}, the most that this node collects of a job (outputs.maxMb in agent.yaml)`,
    );
  }
  withoutFiles(found, (source) => out.has(source));
}

/** What could not be collected. A repeated upload forgets what it found the last time. */
class Problems {
  private readonly kept: OutputProblem[] = [];
  private sending: OutputProblem[] = [];

  get all(): OutputProblem[] {
    return [...this.kept, ...this.sending];
  }

  add(path: string, message: string): void {
    this.sending.push({ path, message });
  }

  of(error: FileError): void {
    this.add(error.path, error.problem);
  }

  keep(): void {
    this.kept.push(...this.sending.splice(0));
  }

  forget(): void {
    this.sending = [];
  }
}

function whyNot(error: unknown): string {
  if (error instanceof TooLateError) return error.message;
  const why = error instanceof ComputeError ? error.message : textOf(error);
  return `the outputs were not stored: ${why}`;
}

/** The result with the artifact of the outputs, and with what could not be collected. Pure. */
export function withOutputs(
  result: ExecutionReport,
  artifactId: string | undefined,
  problems: readonly OutputProblem[],
): ExecutionReport {
  const all = [...(result.outputProblems ?? []), ...problems];
  const outputProblems = all.length > 0 ? { outputProblems: boundedProblems(all) } : {};
  return { ...result, ...outputProblems, artifactId };
}

/** As many problems as a report may have; the last says how many more there are. */
export function boundedProblems(problems: readonly OutputProblem[]): OutputProblem[] {
  const most = problems.length > limits.maxOutputProblems ? limits.maxOutputProblems - 1 : problems.length;
  const first = problems.slice(0, most);
  // Leaves room for the last one.
  while (first.length > 0 && jsonBytes(first) > limits.maxOutputProblemsBytes - 200) first.pop();
  const more = problems.length - first.length;
  return more === 0 ? first : [...first, { path: ".", message: `${more} more could not be collected` }];
}
