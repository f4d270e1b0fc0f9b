import { z } from "zod";
import { limits } from "../limits.ts";

/** The fields of every list request. `cursor` is the `nextCursor` of the previous page. */
export const pageInput = {
  limit: z.int().min(1).max(limits.maxPageSize).default(50),
  cursor: z.string().max(512).optional(),
};

/** The fields of every list answer, next to the rows. Absent on the last page. */
export const pageOutput = { nextCursor: z.string().optional() };
