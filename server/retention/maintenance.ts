import { ComputeError } from "../../shared/errors.ts";
import type {
  PruneAnswer,
  ResealAnswer,
  StoreRequest,
  UsageAnswer,
} from "../../shared/sockets/maintenance.ts";
import { deleteEnded } from "./delete-ended.ts";
import type { EndedJob, RetentionStore } from "./retention-store.ts";

/** The file of an embedded store. */
export interface StoreFile {
  path: string;
  /** Leaves the file unchanged for half a minute. Another call extends that to half a minute from then. */
  hold(): void;
  /** Ends the hold. Returns whether the file stayed unchanged until now. */
  release(): boolean;
  /** Gives some of the free room inside the file back to the disk. */
  shrink(): Promise<void>;
}

export interface MaintenanceParts {
  retention: RetentionStore;
  /** Undefined if the store is not a file of the server. */
  file: StoreFile | undefined;
  /** How much content of files there is. */
  filesUsage: () => Promise<Pick<UsageAnswer, "packs" | "fileBytes">>;
  /** Removes or counts artifacts older than this that nothing needs. Resolves with how many there are. */
  pruneArtifacts(olderThanMs: number, dryRun: boolean): Promise<number>;
  /** Encrypts everything with the sealing key of the key file. */
  reseal: () => Promise<ResealAnswer>;
  /** Epoch milliseconds. */
  now: () => number;
}

/** How many jobs and logs one answer covers at most; the command asks again. */
const PER_ANSWER = 500;

/** What the account that runs a server may ask of it: report its usage, delete old data, allow a copy. */
export class Maintenance {
  constructor(private readonly parts: MaintenanceParts) {}

  async answer(request: StoreRequest): Promise<UsageAnswer | PruneAnswer | ResealAnswer | object> {
    switch (request.maintain) {
      case "usage":
        return { ...(await this.parts.retention.usage()), ...(await this.parts.filesUsage()) };
      case "prune":
        return request.dryRun ? this.count(request) : this.prune(request);
      case "hold":
        this.file.hold();
        return { file: this.file.path };
      case "release":
        return { held: this.file.release() };
      case "reseal":
        return this.parts.reseal();
    }
  }

  private get file(): StoreFile {
    const { file } = this.parts;
    if (file) return file;
    throw new ComputeError(
      "invalid_request",
      "The server keeps its data in MongoDB; copy it with mongodump.",
    );
  }

  private async prune(ages: Ages): Promise<PruneAnswer> {
    const { retention, file, now } = this.parts;
    const nowMs = now();
    let [jobs, logs, more] = [0, 0, false];
    for await (const page of this.ended(ages.jobsOlderThanMs, (query) => retention.endedJobs(query))) {
      jobs += await deleteEnded(retention, page, nowMs);
      more = jobs >= PER_ANSWER;
      if (more) break;
    }
    for await (const page of this.ended(ages.logsOlderThanMs, (query) => retention.endedLogs(query))) {
      await retention.removeLogs(page, nowMs);
      logs += page.length;
      more ||= logs >= PER_ANSWER;
      if (logs >= PER_ANSWER) break;
    }
    more = (await retention.finishRemovals()) || more;
    // Once, after the jobs: what only they needed can go too.
    const artifacts = more ? 0 : await this.artifacts(ages);
    await file?.shrink();
    return { jobs, logs, artifacts, more };
  }

  private async count(ages: Ages): Promise<PruneAnswer> {
    const { retention } = this.parts;
    let [jobs, logs] = [0, 0];
    for await (const page of this.ended(ages.jobsOlderThanMs, (query) => retention.endedJobs(query))) {
      jobs += page.filter((job) => !job.inArray).length;
    }
    for await (const page of this.ended(ages.logsOlderThanMs, (query) => retention.endedLogs(query))) {
      logs += page.length;
    }
    return { jobs, logs, artifacts: await this.artifacts(ages), more: false };
  }

  private async artifacts({ artifactsOlderThanMs, dryRun = false }: Ages): Promise<number> {
    if (artifactsOlderThanMs === undefined) return 0;
    return this.parts.pruneArtifacts(artifactsOlderThanMs, dryRun);
  }

  /** Pages of jobs that ended at least this long ago; no pages without an age. */
  private async *ended(
    olderThanMs: number | undefined,
    read: (query: Parameters<RetentionStore["endedJobs"]>[0]) => Promise<EndedJob[]>,
  ): AsyncGenerator<EndedJob[], void, void> {
    if (olderThanMs === undefined) return;
    const endedBeforeMs = this.parts.now() - olderThanMs;
    let afterJobId: string | undefined;
    do {
      const page = await read({ endedBeforeMs, afterJobId, limit: PER_ANSWER });
      yield page;
      afterJobId = page.length < PER_ANSWER ? undefined : page.at(-1)?.jobId;
    } while (afterJobId !== undefined);
  }
}

interface Ages {
  jobsOlderThanMs?: number | undefined;
  logsOlderThanMs?: number | undefined;
  artifactsOlderThanMs?: number | undefined;
  dryRun?: boolean;
}
