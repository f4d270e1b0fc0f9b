import { userOf } from "../../http/callers.ts";
import type { Handlers } from "../../http/handler.ts";
import { readPage } from "../../http/page.ts";
import type { AuditStore } from "../audit-store.ts";
import { entryOf } from "../chain.ts";

/** Cursors of the audit log are the numbers of entries. */
const seqText = {
  safeParse: (text: string) => ({ success: /^[1-9]\d{0,14}$/.test(text) }),
};

export function auditHandlers(store: AuditStore): Pick<Handlers, "audit.list"> {
  return {
    "audit.list": async ({ since, until, event, userId, ...page }, context) => {
      const { businessId } = userOf(context);
      const times = { sinceMs: timeMs(since), untilMs: timeMs(until) };
      const { rows, nextCursor } = await readPage(
        page,
        seqText,
        (before, limit) => {
          const beforeSeq = before === undefined ? undefined : Number(before);
          return store.list({ businessId, beforeSeq, ...times, event, userId, limit });
        },
        ({ seq }) => String(seq),
      );
      return { entries: rows.map(entryOf), nextCursor };
    },
  };
}

function timeMs(time: string | undefined): number | undefined {
  return time === undefined ? undefined : Date.parse(time);
}
