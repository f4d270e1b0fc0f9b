import type { ClientSession, Collection } from "mongodb";
import { isSameRequest } from "./fingerprint.ts";
import { type JobDocument, jobDocument, jobFromDocument } from "./job-documents.mongo.ts";
import type { JobRecord } from "./job-record.ts";
import type { InsertOutcome, NewJob } from "./job-store.ts";

/** Finds the jobs that were inserted with the idempotency keys of new ones. */
export class UsedKeys {
  constructor(private readonly jobs: Collection<JobDocument>) {}

  /** By `placeOf`. */
  async read(jobs: readonly NewJob[], session?: ClientSession): Promise<Map<string, JobDocument>> {
    const wanted = jobs.filter(({ idempotency }) => idempotency !== undefined);
    const found = new Map<string, JobDocument>();
    for (const some of Map.groupBy(wanted, ({ job }) => placeOf(job, "")).values()) {
      const [first] = some;
      if (!first) continue;
      const { businessId: business_id, userId: user_id } = first.job;
      const by = { business_id, user_id };
      const keys = some.flatMap(({ idempotency }) => idempotency?.key ?? []);
      const behind = some.flatMap(({ idempotency }) =>
        idempotency?.behind === undefined ? [] : idempotency.key,
      );
      // Releases before `batch_key` wrote every key as `idempotency_key`.
      const filters = [
        { ...by, idempotency_key: { $in: keys } },
        ...(behind.length > 0 ? [{ ...by, batch_key: { $in: behind } }] : []),
      ];
      for (const filter of filters) {
        for await (const document of this.jobs.find(filter, { session })) {
          const { idempotency_key, batch_key = "" } = document;
          found.set(placeOf(first.job, idempotency_key ?? batch_key), document);
        }
      }
    }
    return found;
  }
}

export function documentOf({ job, idempotency }: NewJob): JobDocument {
  const isBehind = idempotency?.behind !== undefined;
  return {
    ...jobDocument(job),
    idempotency_key: isBehind ? undefined : idempotency?.key,
    batch_key: isBehind ? idempotency.key : undefined,
    idempotency_hash: idempotency?.bodyHash,
  };
}

export function placeOf(
  { businessId, userId }: Pick<JobRecord, "businessId" | "userId">,
  key: string,
): string {
  return `${businessId}/${userId}/${key}`;
}

/** The outcome of a job whose key is among those that are known; undefined: its key is free. */
export function earlierOutcome(
  { job, idempotency }: NewJob,
  known: ReadonlyMap<string, JobDocument>,
): InsertOutcome | undefined {
  const earlier = idempotency && known.get(placeOf(job, idempotency.key));
  if (!earlier) return undefined;
  const { idempotency_hash: bodyHash = "", manifest } = earlier;
  const wanted = { bodyHash: idempotency.bodyHash, manifest: job.manifest };
  if (!isSameRequest({ bodyHash, manifest }, wanted)) return { kind: "key-reused" };
  return { kind: "existing", job: jobFromDocument(earlier) };
}
