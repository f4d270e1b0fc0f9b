import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../../shared/atomic-file.ts";
import { executionEnd } from "../../shared/execution.ts";
import { executionId } from "../../shared/ids.ts";
import type { Logger } from "../../shared/logger.ts";
import { textOf } from "../../shared/text-of.ts";
import { timestamp } from "../../shared/timestamp.ts";

/** What the server does not have of an execution yet: when it began, how it ended, and how many lines it wrote. */
const outboxEntry = z.object({
  executionId,
  startedAt: timestamp.optional(),
  ended: z.object({
    at: timestamp,
    end: executionEnd.extend({ status: z.enum(["SUCCEEDED", "FAILED", "CANCELLED"]) }),
    /** Its outputs wait in its directory. */
    outputs: z
      .object({
        globs: z.array(z.string()),
        root: z.string(),
        directory: z.string(),
        exclude: z.array(z.string()),
        ownerUid: z.int().optional(),
      })
      .optional(),
    /** The same for the events of a workflow. */
    events: z.object({ path: z.string(), ownerUid: z.int().optional() }).optional(),
  }),
  lastSeq: z.int().min(0),
});
export type OutboxEntry = z.infer<typeof outboxEntry>;

/** Results that the server does not have yet, one file each, so that they outlive this process. */
export class Outbox {
  private readonly written = new Set<string>();

  constructor(private readonly dir: string) {}

  /** Returns what an earlier run left. A file that cannot be read is logged and set aside. */
  load(log: Logger): OutboxEntry[] {
    mkdirSync(this.dir, { recursive: true, mode: 0o700 });
    const entries: OutboxEntry[] = [];
    for (const name of readdirSync(this.dir)) {
      const path = join(this.dir, name);
      if (name.endsWith(".tmp")) rmSync(path, { force: true });
      if (!isResult(name)) continue;
      try {
        const entry = outboxEntry.parse(JSON.parse(readFileSync(path, "utf8")));
        this.written.add(entry.executionId);
        entries.push(entry);
      } catch (error) {
        const aside = `${path}.damaged`;
        renameSync(path, aside);
        log.error(`The result in ${aside} cannot be read and is not sent: ${textOf(error)}`);
      }
    }
    return entries;
  }

  put(entry: OutboxEntry): void {
    writeFileAtomic(this.pathOf(entry.executionId), JSON.stringify(entry));
    this.written.add(entry.executionId);
  }

  remove(id: string): void {
    if (this.written.delete(id)) rmSync(this.pathOf(id), { force: true });
  }

  private pathOf(id: string): string {
    return join(this.dir, `${id}.json`);
  }
}

/** Whether a file of this name holds a result that waits to be sent. */
export function isResult(name: string): boolean {
  return name.endsWith(".json");
}
