import type { Collection } from "mongodb";
import { Batches, type Waiting } from "../store/batches.ts";
import { ContentionError, duplicatesIn, type MongoStore, outlastOthers } from "../store/mongo.ts";
import type { JobDocument } from "./job-documents.mongo.ts";
import type { InsertOutcome, NewJob } from "./job-store.ts";
import type { PlacedJob, Placement, Placer } from "./placement.mongo.ts";
import type { RecentJobs } from "./recent-jobs.mongo.ts";
import { runFields } from "./run-documents.mongo.ts";
import { documentOf, earlierOutcome, type UsedKeys } from "./used-keys.mongo.ts";

type WaitingInsert = Waiting<NewJob, InsertOutcome>;

interface Parts {
  jobs: Collection<JobDocument>;
  recent: RecentJobs;
  keys: UsedKeys;
  placer: Placer | undefined;
}

const INSERTS_PER_BATCH = 1_000;

/**
 * Inserts independent jobs: those that come together are one write. If a node waits for them, they are its jobs from the start
 * (see `Placer`).
 */
export class SingleInserts {
  private readonly batches: Batches<NewJob, InsertOutcome>;

  constructor(
    private readonly store: MongoStore,
    private readonly parts: Parts,
  ) {
    this.batches = new Batches((batch) => this.insert(batch), {
      maxItems: INSERTS_PER_BATCH,
      maxInFlight: 2,
    });
  }

  add(job: NewJob): Promise<InsertOutcome> {
    return this.batches.add(job);
  }

  private insert(batch: readonly WaitingInsert[]): Promise<void> {
    let open = batch;
    return this.store.attempt(() =>
      outlastOthers(async () => {
        open = await this.answerTaken(await this.insertNew(open));
        if (open.length > 0) throw new ContentionError("An idempotency key is not decided yet.");
      }),
    );
  }

  /** Writes all, and answers those that are created. Resolves with those whose key is taken. */
  private async insertNew(batch: readonly WaitingInsert[]): Promise<WaitingInsert[]> {
    const placement = this.parts.placer?.begin(batch.map(({ item }) => item.job));
    const { taken, assigned } = await this.write(batch, placement);
    for (const [index, { item, resolve }] of batch.entries()) {
      if (taken.has(index)) continue;
      const placed = placement?.placed.get(item.job);
      const isAssigned = assigned?.has(item.job) === true;
      const { job, run } = placed && isAssigned ? placed : { job: item.job, run: undefined };
      // It was put into its queue by another write, after which it has another version.
      if (placed && !isAssigned) this.parts.recent.forget(job.jobId);
      else this.parts.recent.remember({ job, run, version: 1 });
      resolve({ kind: "created", job });
    }
    return batch.filter((_, index) => taken.has(index));
  }

  private async write(batch: readonly WaitingInsert[], placement: Placement | undefined) {
    const documents = batch.map(({ item }) => placedDocument(item, placement?.placed.get(item.job)));
    try {
      const [taken] = await Promise.all([this.writeUnordered(documents), placement?.write()]);
      const created = batch.flatMap(({ item }, index) => (taken.has(index) ? [] : item.job));
      return { taken, assigned: await placement?.end(new Set(created)) };
    } catch (error) {
      // The caller need not wait until nothing is left of it.
      void placement?.end(new Set());
      throw error;
    }
  }

  /** Answers inserts whose key is taken. Resolves with those whose key belongs to a job that no majority has yet. */
  private async answerTaken(taken: readonly WaitingInsert[]): Promise<WaitingInsert[]> {
    const earlier = await this.parts.keys.read(taken.map(({ item }) => item));
    return taken.filter(({ item, resolve }) => {
      const outcome = earlierOutcome(item, earlier);
      if (outcome) resolve(outcome);
      return !outcome;
    });
  }

  /** Resolves with the positions of the documents whose id or key was taken. */
  private async writeUnordered(documents: JobDocument[]): Promise<Set<number>> {
    try {
      await this.parts.jobs.insertMany(documents, { ordered: false });
      return new Set();
    } catch (error) {
      const places = duplicatesIn(error);
      if (!places) throw error;
      return new Set(places);
    }
  }
}

function placedDocument(item: NewJob, placed: PlacedJob | undefined): JobDocument {
  if (!placed) return documentOf(item);
  const document = documentOf({ ...item, job: placed.job });
  return { ...document, run: runFields(placed.run), claim_expires_at: placed.claimExpiresAtMs };
}
