import { closeSync, constants, fchownSync, mkdirSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { textOf } from "../../../shared/text-of.ts";
import { type WorkflowRun, workflowEvent } from "../../../shared/workflow-run.ts";
import { applyWorkflowEvent, newWorkflowRun } from "../../../shared/workflow-state.ts";
import type { JobAccount } from "../../process/account.ts";
import type { RunPlanInput } from "../../workflow/plan.ts";
import { type EventsFile, StartFailedError } from "../port/executor.ts";

/** In the job's directory. */
const ENGINE_DIRECTORY = ".workflow";
const CHUNK_BYTES = 256 * 1024;
/** A run that says more is cut here when the reason of its failure is looked for. */
const MAX_EVENTS_BYTES = 256 * 1024 * 1024;

/**
 * The files between the supervisor and the engine of one workflow. They belong to the account of the job, which can do
 * anything with them: what the supervisor reads later, it reads through the file that it has opened at the beginning.
 */
export class EngineFiles {
  readonly plan: string;
  readonly secrets: string;
  readonly events: EventsFile;
  private eventsFd: number | undefined;

  private constructor(
    directory: string,
    private readonly account: JobAccount | undefined,
  ) {
    this.plan = join(directory, "plan.json");
    this.secrets = join(directory, "secrets.json");
    this.events = {
      path: join(directory, "events.jsonl"),
      ...(account === undefined ? {} : { ownerUid: account.uid }),
    };
  }

  /** Throws StartFailedError. */
  static make(jobDirectory: string, account: JobAccount | undefined): EngineFiles {
    const directory = join(jobDirectory, ENGINE_DIRECTORY);
    return attempt(() => {
      mkdirSync(directory, { mode: 0o700 });
      const files = new EngineFiles(directory, account);
      if (account) {
        const fd = openSync(directory, constants.O_RDONLY | constants.O_NOFOLLOW);
        fchownSync(fd, account.uid, account.gid);
        closeSync(fd);
      }
      files.eventsFd = files.create(files.events.path);
      return files;
    });
  }

  /** Throws StartFailedError. */
  write(plan: RunPlanInput, secrets: Readonly<Record<string, string>>): void {
    attempt(() => {
      this.put(this.plan, plan);
      this.put(this.secrets, secrets);
    });
  }

  /** What the engine has said so far. */
  run(): WorkflowRun {
    const run = newWorkflowRun({ name: "", path: "", event: "" });
    for (const line of this.lines()) {
      const event = parsed(line);
      if (event) applyWorkflowEvent(run, event);
    }
    return run;
  }

  /** Also removes secrets that nobody has read. A second call does nothing. */
  close(): void {
    if (this.eventsFd === undefined) return;
    closeSync(this.eventsFd);
    this.eventsFd = undefined;
    try {
      rmSync(this.secrets, { force: true });
    } catch {
      // The job put something else in its place; its directory is removed soon.
    }
  }

  private create(path: string): number {
    // O_EXCL: another process of the account may have put a link there.
    const fd = openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o600);
    if (this.account) fchownSync(fd, this.account.uid, this.account.gid);
    return fd;
  }

  private put(path: string, content: unknown): void {
    const fd = this.create(path);
    try {
      const bytes = Buffer.from(JSON.stringify(content));
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    } finally {
      closeSync(fd);
    }
  }

  private *lines(): Generator<string, void, void> {
    const fd = this.eventsFd;
    if (fd === undefined) return;
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let rest = "";
    const decoder = new TextDecoder();
    for (let at = 0; at < MAX_EVENTS_BYTES; ) {
      const read = readSync(fd, chunk, 0, chunk.length, at);
      if (read === 0) return;
      at += read;
      const lines = (rest + decoder.decode(chunk.subarray(0, read), { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  }
}

function parsed(line: string) {
  try {
    return workflowEvent.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined; // The job wrote to the file itself.
  }
}

function attempt<Result>(step: () => Result): Result {
  try {
    return step();
  } catch (error) {
    throw new StartFailedError(`The plan of the workflow cannot be written: ${textOf(error)}`);
  }
}
