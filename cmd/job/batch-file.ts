import { rmSync } from "node:fs";
import { type FileHandle, mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeOf } from "../../shared/code-of.ts";
import { readJson } from "../../shared/config/json.ts";
import { FileError, type FileIssue, parseYaml } from "../../shared/config/yaml.ts";
import { type BatchLine, batchLine } from "../../shared/endpoints/many-jobs.ts";
import { limits } from "../../shared/limits.ts";
import { textOf } from "../../shared/text-of.ts";
import { CliError } from "../exit/failure.ts";
import { dieOf, heededSignals } from "../exit/signals.ts";
import { directoryOf, type JobDraft, readFileInputs } from "../files/job-draft.ts";
import { bytesIn, fileName, firstLost } from "../input/read-file.ts";

/** A job of the file, whose inputs are not sent yet. */
type BatchDraft = JobDraft & Pick<BatchLine, "idempotencyKey">;

/** With this many, the file is wrong, not its lines. */
const MAX_ISSUES = 100;
/** Leaves room for what a request holds besides the jobs. */
const MAX_BATCH_BYTES = limits.maxBodyBytes / 2;
/** The most that is spooled from a pipe: 1 GiB. */
const MAX_PIPED_BYTES = 1024 * 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * A file of jobs, one JSON object per line, that can be read more than once. `Bun.JSONL` is of no use here: it returns
 * values, but the check needs the text of each line, to find numbers that JSON would change, and fields given twice.
 */
export class BatchFile implements AsyncDisposable {
  private readonly stopHeeding: (() => void)[] = [];

  private constructor(
    private readonly path: string,
    private readonly name: string,
    private readonly scratch: string | undefined,
    /** Where the relative paths of its jobs' inputs begin. */
    private readonly directory: string,
  ) {}

  /** @param file `-` is stdin. Stdin and other pipes are spooled first, since all lines are checked before any is sent. */
  static async open(file: string): Promise<BatchFile> {
    const directory = await directoryOf(file);
    if (file !== "-" && !(await isPipe(file))) return new BatchFile(file, file, undefined, directory);
    const scratch = await mkdtemp(join(tmpdir(), "tanvrit-batch-"));
    const path = join(scratch, "jobs.jsonl");
    const batch = new BatchFile(path, fileName(file), scratch, directory);
    batch.removeOnSignal(scratch);
    try {
      await using spool = await open(path, "wx", 0o600);
      await batch.fill(spool, bytesIn(file));
      return batch;
    } catch (error) {
      await batch[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Spools a pipe. A pipe that never ends must not fill the disk. */
  private async fill(spool: FileHandle, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    let bytes = 0;
    let line = 1;
    let lineBytes = 0;
    for await (const chunk of chunks) {
      bytes += chunk.byteLength;
      const end = chunk.lastIndexOf(NEWLINE);
      lineBytes = end < 0 ? lineBytes + chunk.byteLength : chunk.byteLength - end - 1;
      if (end >= 0) line += chunk.reduce((sum, byte) => sum + (byte === NEWLINE ? 1 : 0), 0);
      if (lineBytes > limits.maxBodyBytes) throw this.issue(line, "is longer than a job may be");
      if (bytes > MAX_PIPED_BYTES) {
        throw new CliError("bad_data", `${this.name} holds more than ${MAX_PIPED_BYTES} bytes`, {
          todo: "Write the jobs to a file and name that; a file may have any length",
        });
      }
      await spool.writeFile(chunk);
    }
  }

  private removeOnSignal(scratch: string): void {
    for (const signal of heededSignals()) {
      const leave = () => {
        rmSync(scratch, { recursive: true, force: true });
        void dieOf(signal);
      };
      process.on(signal, leave);
      this.stopHeeding.push(() => process.off(signal, leave));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.scratch !== undefined) await rm(this.scratch, { recursive: true, force: true });
    for (const stop of this.stopHeeding) stop();
  }

  /** Resolves with the number of jobs. Throws FileError with what is wrong, line by line, or CliError for an input. */
  async check(): Promise<number> {
    const issues: FileIssue[] = [];
    let jobs = 0;
    for await (const { text, line } of this.lines()) {
      const read = readJob(text, this.name, line);
      if ("issues" in read) issues.push(...read.issues);
      else await this.draftOf(read.job, line);
      if (issues.length >= MAX_ISSUES) break;
      jobs++;
    }
    if (issues.length > 0) throw new FileError(issues);
    if (jobs === 0)
      throw new CliError("bad_data", `${this.name} contains no job; write one JSON object per line`);
    return jobs;
  }

  /** The jobs in order, as many at a time as one request takes. */
  async *batches(): AsyncGenerator<BatchDraft[], void, void> {
    let batch: BatchDraft[] = [];
    let bytes = 0;
    for await (const { text, line } of this.lines()) {
      const read = readJob(text, this.name, line);
      if ("issues" in read) throw new FileError(read.issues);
      const size = Buffer.byteLength(JSON.stringify(read.job));
      if (batch.length === limits.maxBatchJobs || (batch.length > 0 && bytes + size > MAX_BATCH_BYTES)) {
        yield batch;
        batch = [];
        bytes = 0;
      }
      batch.push(await this.draftOf(read.job, line));
      bytes += size;
    }
    if (batch.length > 0) yield batch;
  }

  private async draftOf(job: BatchLine, line: number): Promise<BatchDraft> {
    const { inputs, envFrom, idempotencyKey, ...manifest } = job;
    const place = `${this.name}:${line}`;
    const given = inputs && (await readFileInputs(inputs, place, this.directory));
    return { manifest, inputs: given, envFrom, idempotencyKey };
  }

  /** Lines that are not blank, counted from 1. */
  private async *lines(): AsyncGenerator<{ text: string; line: number }, void, void> {
    const decoder = new TextDecoder("utf-8", { fatal: true });
    let rest = "";
    let line = 0;
    try {
      for await (const chunk of Bun.file(this.path).stream()) {
        const parts = (rest + this.decode(decoder, chunk, line)).split("\n");
        rest = parts.pop() ?? "";
        for (const text of parts) {
          line++;
          if (text.trim() !== "") yield { text, line };
        }
        if (rest.length > limits.maxBodyBytes) throw this.issue(line + 1, "is longer than a job may be");
      }
      rest += decoder.decode();
    } catch (error) {
      throw this.readFailure(error, line + 1);
    }
    if (rest.trim() !== "") yield { text: rest, line: line + 1 };
  }

  /** @param line the number of lines read so far. */
  private decode(decoder: TextDecoder, chunk: Uint8Array, line: number): string {
    try {
      return decoder.decode(chunk, { stream: true });
    } catch {
      // The chunk may begin with the rest of a character.
      const start = chunk.findIndex((byte) => (byte & 0xc0) !== 0x80);
      const lost = firstLost(Buffer.from(chunk.subarray(Math.max(0, Math.min(start, 3)))));
      throw this.issue(line + lost.line, "is not UTF-8 text");
    }
  }

  private readFailure(error: unknown, line: number): unknown {
    const code = codeOf(error);
    if (code === "ENOENT") {
      return new CliError("not_found", `cannot read ${this.name}: there is no such file`, { cause: error });
    }
    if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return this.issue(line, "is not UTF-8 text");
    if (code === undefined || error instanceof CliError) return error;
    return new CliError("bad_data", `cannot read ${this.name}: ${textOf(error)}`, {
      cause: error,
    });
  }

  private issue(line: number, message: string): FileError {
    return new FileError([{ file: this.name, line, column: 1, message: `the line ${message}` }]);
  }
}

/** Whether the file can be read only once, like a shell's `<(…)`. */
async function isPipe(file: string): Promise<boolean> {
  // A missing file is reported when it is read.
  const about = await stat(file).catch(() => undefined);
  return about !== undefined && !about.isFile() && !about.isDirectory();
}

function readJob(text: string, file: string, line: number): { job: BatchLine } | { issues: FileIssue[] } {
  let read: ReturnType<typeof readJson>;
  try {
    read = readJson(text, batchLine);
  } catch (error) {
    const why = textOf(error)
      .replace(/\p{C}+/gu, " ")
      .slice(0, MAX_MESSAGE_LENGTH);
    return { issues: [{ file, line, column: 1, message: `the line is not a JSON object: ${why}` }] };
  }
  const checked = batchLine.safeParse(read.value);
  if (checked.success && read.issues.length === 0) return { job: checked.data };
  try {
    // All JSON is YAML, and the YAML reader knows where in the text a field is.
    return { job: parseYaml(text, file, batchLine) };
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return { issues: error.issues.map((issue) => ({ ...issue, line })) };
  }
}

const MAX_MESSAGE_LENGTH = 200;
