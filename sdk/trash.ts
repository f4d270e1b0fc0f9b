import type { TrashEntry } from "../shared/trash.ts";
import type { ComputeClient } from "./client.ts";
import { type ListOptions, walkPages } from "./pages.ts";
import { callPatiently, type Patience } from "./patience.ts";

/**
 * What people deleted in the last 30 days.
 *
 * @example
 * for await (const { trashId, kind, name } of compute.trash.list()) console.log(trashId, kind, name);
 * await compute.trash.restore(trashId);
 */
export class Trash {
  constructor(private readonly client: ComputeClient) {}

  /** Newest first. */
  list(options: ListOptions = {}): AsyncGenerator<TrashEntry, void, void> {
    return walkPages(this.client, options, async (call) => {
      const { entries, nextCursor } = await call("trash.list", {});
      return { rows: entries, nextCursor };
    });
  }

  /** Brings back what one deletion took. Throws `not_found`, `forbidden`, and `conflict` if its name is taken by now. */
  restore(trashId: string, options: Patience = {}): Promise<TrashEntry> {
    return callPatiently(this.client, "trash.restore", { trashId }, options);
  }

  /** Deletes for good what one deletion took. Throws `not_found` and `forbidden`. */
  empty(trashId: string, options: Patience = {}): Promise<TrashEntry> {
    return callPatiently(this.client, "trash.empty", { trashId }, options);
  }
}
