import { type TrashEntry, trashId as trashIdSchema } from "../../../shared/trash.ts";
import type { PersonStore } from "../../auth/person-store.ts";
import { userOf } from "../../http/callers.ts";
import type { Handlers } from "../../http/handler.ts";
import { isoTime } from "../../http/iso-time.ts";
import { readPage } from "../../http/page.ts";
import type { TrashRecord } from "../trash-store.ts";
import type { TrashService } from "./trash-service.ts";

type TrashHandlers = Pick<Handlers, "trash.list" | "trash.restore" | "trash.empty">;

export function trashHandlers(service: TrashService, people: Pick<PersonStore, "find">): TrashHandlers {
  const view = async (entries: readonly TrashRecord[]): Promise<TrashEntry[]> => {
    const ids = [...new Set(entries.map(({ userId }) => userId))];
    const found = await Promise.all(ids.map((id) => people.find(id)));
    const names = new Map(found.flatMap((one) => (one ? [[one.userId, one.userName] as const] : [])));
    return entries.map(({ userId, trashId, kind, items, name, deletedAtMs, expiresAtMs }) => ({
      trashId,
      kind,
      items: [...items],
      ...(name !== undefined && { name }),
      deletedBy: names.get(userId) ?? userId,
      deletedAt: isoTime(deletedAtMs),
      expiresAt: isoTime(expiresAtMs),
    }));
  };
  const viewOne = async (entry: TrashRecord) => (await view([entry]))[0] as TrashEntry;
  return {
    "trash.list": async (page, context) => {
      const { businessId } = userOf(context);
      const { rows, nextCursor } = await readPage(
        page,
        trashIdSchema,
        (before, limit) => service.list(businessId, before, limit),
        ({ trashId }) => trashId,
      );
      return { entries: await view(rows), nextCursor };
    },
    "trash.restore": async ({ trashId }, context) => viewOne(await service.restore(userOf(context), trashId)),
    "trash.empty": async ({ trashId }, context) => viewOne(await service.empty(userOf(context), trashId)),
  };
}
