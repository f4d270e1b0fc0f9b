import { z } from "zod";
import { TRASH_DAYS, trashEntry, trashId } from "../trash.ts";
import { defineEndpoints } from "./endpoint.ts";
import { pageInput, pageOutput } from "./page.ts";
import { trashWire } from "./wire/trash.ts";

export const trashEndpoints = defineEndpoints(trashWire, {
  "trash.list": {
    right: "trash.read",
    summary: `What was deleted in the last ${TRASH_DAYS} days and can be brought back, newest first.`,
    input: z.strictObject(pageInput),
    output: z.object({ entries: z.array(trashEntry), ...pageOutput }),
  },
  "trash.restore": {
    right: "trash.change",
    othersRight: "trash.change-others",
    summary: "Bring back what one deletion took. A schedule comes back paused.",
    input: z.strictObject({ trashId }),
    output: trashEntry,
  },
  "trash.empty": {
    right: "trash.change",
    othersRight: "trash.change-others",
    summary: "Delete for good what one deletion took.",
    input: z.strictObject({ trashId }),
    output: trashEntry,
  },
});
