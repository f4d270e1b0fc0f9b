import { z } from "zod";
import { auditEntry } from "../audit.ts";
import { userId } from "../ids.ts";
import { timestamp } from "../timestamp.ts";
import { defineEndpoints } from "./endpoint.ts";
import { pageInput, pageOutput } from "./page.ts";
import { auditWire } from "./wire/audit.ts";

export const auditEndpoints = defineEndpoints(auditWire, {
  "audit.list": {
    right: "audit.read",
    summary:
      "The audit log of the business, newest first: every change and every sign-in, by whom and from where.",
    input: z.strictObject({
      ...pageInput,
      since: timestamp.optional(),
      until: timestamp.optional(),
      /** Only entries of this event, such as `signed in`. */
      event: z.string().min(1).max(100).optional(),
      /** Only what this person did. */
      userId: userId.optional(),
    }),
    output: z.object({ entries: z.array(auditEntry), ...pageOutput }),
  },
});
