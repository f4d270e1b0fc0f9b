import { LEASE_SKEW_MS, type Lease, type LeaseRequest, type LeaseStore } from "./lease-store.ts";

/**
 * The leases that go with the embedded store. Only one server can open that store, so its leases may end with the
 * server, and an idle server writes nothing to disk for them.
 */
export class MemoryLeaseStore implements LeaseStore {
  private readonly leases = new Map<string, { holder: string; untilMs: number }>();

  async acquire({ task, holder, nowMs, untilMs }: LeaseRequest): Promise<Lease> {
    const lease = this.leases.get(task);
    const isValid = lease && lease.untilMs > nowMs && lease.untilMs <= untilMs + LEASE_SKEW_MS;
    if (isValid && lease.holder !== holder) {
      return { held: false, untilMs: lease.untilMs };
    }
    this.leases.set(task, { holder, untilMs });
    return { held: untilMs > nowMs, untilMs };
  }
}
