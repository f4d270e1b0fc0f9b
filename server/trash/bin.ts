import type { Identity } from "../../shared/auth.ts";
import { newId } from "../../shared/ids.ts";
import { TRASH_DAYS } from "../../shared/trash.ts";
import type { IntoTrash } from "./trash-store.ts";

const DAY_MS = 24 * 3_600_000;

/** Makes the entries that deletions put things into. */
export class TrashBin {
  constructor(
    /** One sentence if there is too little room on the disk. */
    private readonly shortage: () => string | undefined,
    private readonly now: () => number,
  ) {}

  /** undefined: the server is short of room, so what is deleted now makes room, and is gone for good. */
  entryFor({ userId }: Pick<Identity, "userId">): IntoTrash | undefined {
    if (this.shortage() !== undefined) return undefined;
    const deletedAtMs = this.now();
    const expiresAtMs = deletedAtMs + TRASH_DAYS * DAY_MS;
    return { trashId: newId("trash"), userId, name: undefined, deletedAtMs, expiresAtMs };
  }
}
