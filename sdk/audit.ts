import type { AuditEntry } from "../shared/audit.ts";
import type { ComputeClient } from "./client.ts";
import { type ListFilter, walkPages } from "./pages.ts";
import type { Patience } from "./patience.ts";

export type AuditFilter = ListFilter<"audit.list">;

/**
 * The audit log of the business: who changed what, and who signed in.
 *
 * @example
 * for await (const { at, event, actor } of compute.audit.list({ limit: 20 })) console.log(at, event, actor.userName);
 */
export class Audit {
  constructor(private readonly client: ComputeClient) {}

  /** Newest first. Throws `forbidden` unless the caller is an owner or an admin. */
  list(filter: AuditFilter = {}, options: Patience = {}): AsyncGenerator<AuditEntry, void, void> {
    const { limit, ...where } = filter;
    return walkPages(this.client, { ...options, limit }, async (call) => {
      const { entries, nextCursor } = await call("audit.list", where);
      return { rows: entries, nextCursor };
    });
  }
}
