import type { AuditEvent } from "../../shared/audit.ts";
import type { Logger } from "../../shared/logger.ts";
import { letOthersGo } from "../../shared/wait.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import { Batches, type Waiting } from "../store/batches.ts";
import type { AuditHead, AuditStore } from "./audit-store.ts";
import { extend } from "./chain.ts";

/** The chain for what belongs to no business, such as a try to sign in as nobody. */
export const SERVER_CHAIN = "server";

/** The name of the key that seals the chains, in the session store. */
export const AUDIT_KEY = "audit-chain";

/** One transaction adds at most this many entries. */
const MAX_ENTRIES = 500;
/** How often a server tries while others add to the same chain. */
const MAX_TRIES = 200;
const MAX_HEADS = 10_000;

interface Recorded {
  businessId: string;
  event: AuditEvent;
  atMs: number;
}

export interface AuditLogParts {
  store: AuditStore;
  /** Seals the heads of the chains. */
  key: Uint8Array;
  log: Logger;
  /** Epoch milliseconds. */
  now: () => number;
}

/**
 * Writes the audit log: to the store, where each entry carries the hash of the one before it, and as a line to the
 * server's own log. Entries of the same moment are stored together.
 */
export class AuditLog {
  /** The newest head that this server knows, by business. */
  private readonly heads = new RecentMap<AuditHead>(MAX_HEADS);
  private readonly batches = new Batches<Recorded, void>((batch) => this.store(batch), {
    maxItems: MAX_ENTRIES,
    maxInFlight: 1,
  });

  constructor(private readonly parts: AuditLogParts) {}

  /**
   * Resolves when the entry is on disk. Never rejects: what was done cannot be taken back because nobody could write it
   * down, so an entry that the store refuses is in the server's log only, with an error.
   *
   * @param businessId undefined for what belongs to no business.
   */
  async record(businessId: string | undefined, event: AuditEvent): Promise<void> {
    const { log, now } = this.parts;
    log.info(`audit: ${event.event}`, lineOf(businessId, event));
    try {
      await this.batches.add({ businessId: businessId ?? SERVER_CHAIN, event, atMs: now() });
    } catch (error) {
      log.error("an entry of the audit log could not be stored; it is only in this log", {
        ...lineOf(businessId, event),
        event: event.event,
        error,
      });
    }
  }

  private async store(batch: readonly Waiting<Recorded, void>[]): Promise<void> {
    for (const [businessId, group] of Map.groupBy(batch, ({ item }) => item.businessId)) {
      try {
        await this.append(
          businessId,
          group.map(({ item }) => item),
        );
        for (const one of group) one.resolve();
      } catch (error) {
        for (const one of group) one.reject(error);
      }
    }
  }

  private async append(businessId: string, recorded: readonly Recorded[]): Promise<void> {
    const { store, key } = this.parts;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const before = this.heads.get(businessId) ?? (await store.head(businessId));
      const { rows, head } = extend(before, businessId, recorded, key);
      if (await store.append(before, rows, head)) return void this.heads.set(businessId, head);
      this.heads.delete(businessId);
      await letOthersGo();
    }
    throw new Error(`The audit log of ${businessId} changed during each of ${MAX_TRIES} tries`);
  }
}

/** The facts of an event in one line, for the server's log. */
function lineOf(
  businessId: string | undefined,
  { actor, from, of, before, after }: AuditEvent,
): Record<string, unknown> {
  const { kind, ...who } = actor;
  return { by: kind, ...who, business: businessId, from, ...of, before, after };
}
