import type { Collection } from "mongodb";
import { ContentionError, isFasterElsewhere, type MongoStore, outlastOthers } from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import { foldEvents } from "./fold.ts";
import type { Appended, RunEvents, RunStore, StoredRun } from "./run-store.ts";

export interface RunDocument {
  execution_id: string;
  job_id: string;
  business_id: string;
  attempt: number;
  events: number;
  /** JSON. */
  run: string;
}

export const workflowSteps = [
  collectionStep("workflow-1", "compute_workflow_runs", [
    { key: { execution_id: 1 }, unique: true },
    { key: { job_id: 1 } },
  ]),
];

export class MongoRunStore implements RunStore {
  private readonly runs: Collection<RunDocument>;

  constructor(private readonly store: MongoStore) {
    this.runs = store.collection("compute_workflow_runs");
  }

  append(batch: RunEvents): Promise<Appended> {
    return this.store.attempt(() => outlastOthers(() => this.appendOnce(batch), isFasterElsewhere));
  }

  find(executionId: string): Promise<StoredRun | undefined> {
    return this.store.attempt(async () => {
      const found = await this.read(executionId);
      return (
        found && {
          businessId: found.business_id,
          jobId: found.job_id,
          executionId,
          attempt: found.attempt,
          events: found.events,
          run: JSON.parse(found.run),
        }
      );
    });
  }

  /** Throws ContentionError, or that of a duplicate key, if another server was faster. */
  private async appendOnce(batch: RunEvents): Promise<Appended> {
    const { executionId: execution_id, jobId: job_id, businessId: business_id, attempt } = batch;
    const found = await this.read(execution_id);
    const { after, applied } = foldEvents(found && { events: found.events, text: found.run }, batch);
    const { events, text: run } = after;
    if (!found) {
      await this.runs.insertOne({ execution_id, job_id, business_id, attempt, events, run });
    } else if (applied.length > 0) {
      const unchanged = { execution_id, events: found.events };
      const { matchedCount } = await this.runs.updateOne(unchanged, { $set: { events, run } });
      if (matchedCount === 0) throw new ContentionError();
    }
    return { events, applied };
  }

  private async read(executionId: string): Promise<RunDocument | undefined> {
    const found = await this.runs.findOne({ execution_id: executionId });
    return found ?? undefined;
  }
}
