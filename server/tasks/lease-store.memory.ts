import { LEASE_SKEW_MS, type Lease, type LeaseRequest, type LeaseStore } from "./lease-store.ts";

/**
 * The leases beside the embedded store. Only one server may have that open, so they need not outlive it, and an idle
 * server writes nothing to the disk for them.
 */
export class MemoryLeaseStore implements LeaseStore {
  private readonly leases = new Map<string, { holder: string; untilMs: number }>();

  async acquire({ task, holder, nowMs, untilMs }: LeaseRequest): Promise<Lease> {
    const lease = this.leases.get(task);
    const isRight = lease && lease.untilMs > nowMs && lease.untilMs <= untilMs + LEASE_SKEW_MS;
    if (isRight && lease.holder !== holder) {
      return { held: false, untilMs: lease.untilMs };
    }
    this.leases.set(task, { holder, untilMs });
    return { held: untilMs > nowMs, untilMs };
  }
}
