import { z } from "zod";
import { TRASH_DAYS, trashEntry, trashId } from "../trash.ts";
import { defineEndpoints } from "./endpoint.ts";
import { pageInput, pageOutput } from "./page.ts";

export const trashEndpoints = defineEndpoints({
  "trash.list": {
    method: "POST",
    path: "/api/compute/trash/list",
    callers: ["user"],
    right: "trash.read",
    summary: `What was deleted in the last ${TRASH_DAYS} days and can be brought back, newest first.`,
    input: z.strictObject(pageInput),
    output: z.object({ entries: z.array(trashEntry), ...pageOutput }),
    errors: [],
    repeatable: true,
  },
  "trash.restore": {
    method: "POST",
    path: "/api/compute/trash/restore",
    callers: ["user"],
    right: "trash.change",
    othersRight: "trash.change-others",
    summary: "Bring back what one deletion took. A schedule comes back paused.",
    input: z.strictObject({ trashId }),
    output: trashEntry,
    errors: ["not_found", "conflict", "storage_failed"],
    repeatable: false,
  },
  "trash.empty": {
    method: "POST",
    path: "/api/compute/trash/empty",
    callers: ["user"],
    right: "trash.change",
    othersRight: "trash.change-others",
    summary: "Delete for good what one deletion took.",
    input: z.strictObject({ trashId }),
    output: trashEntry,
    errors: ["not_found", "storage_failed"],
    repeatable: true,
  },
});
