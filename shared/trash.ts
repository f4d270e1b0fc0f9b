import { z } from "zod";
import { idSchema } from "./id-schema.ts";
import { timestamp } from "./timestamp.ts";

export const trashId = idSchema("trash");

export const trashKind = z.enum(["jobs", "template", "schedule", "secrets", "artifacts"]);
export type TrashKind = z.infer<typeof trashKind>;

/** The field of a deletion's answer that says where it can be brought back from; absent: nothing was deleted, or for good. */
export const trashOutput = { trashId: trashId.optional() };

/** How long what a person deleted can be brought back. */
export const TRASH_DAYS = 30;

/** One deletion, with everything that it took. */
export const trashEntry = z.object({
  trashId,
  kind: trashKind,
  /** The ids of what was deleted; for secrets, their names. */
  items: z.array(z.string()),
  /** Its name, if it has one. */
  name: z.string().optional(),
  deletedBy: z.string(),
  deletedAt: timestamp,
  /** From then on it is gone for good. */
  expiresAt: timestamp,
});
export type TrashEntry = z.infer<typeof trashEntry>;
