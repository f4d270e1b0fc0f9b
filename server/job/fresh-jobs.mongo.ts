import { RecentMap } from "../runtime/recent-map.ts";
import { isClaimable } from "./job-documents.mongo.ts";
import type { JobRecord } from "./job-record.ts";

const MAX_BUSINESSES = 1_000;
const MAX_JOBS = 16;

/**
 * The jobs that this server created after a look at the store in which a business had nothing to hand out. A node that waits
 * with free slots for all of them can get them without another look: they take nothing away from jobs that other servers
 * created meanwhile. Each job is told once; whoever does not claim it finds it in the store.
 */
export class FreshJobs {
  private readonly businesses = new RecentMap<JobRecord[]>(MAX_BUSINESSES);

  /** Tells what the last look at the queues of a business found. */
  looked(businessId: string, isEmpty: boolean): void {
    if (isEmpty) this.businesses.set(businessId, []);
    else this.businesses.delete(businessId);
  }

  /** Adds a job that was created at this server. */
  add(job: JobRecord): void {
    const jobs = this.businesses.get(job.businessId);
    if (!jobs || !isClaimable(job)) return;
    if (jobs.length < MAX_JOBS) jobs.push(job);
    else this.businesses.delete(job.businessId);
  }

  /** The jobs that nobody was told yet, and forgets them. */
  take(businessId: string): JobRecord[] {
    return this.businesses.get(businessId)?.splice(0) ?? [];
  }
}
