import { z } from "zod";

/** Why a stream ended early: code and detail as in a problem. */
export const streamError = z.object({ code: z.string(), detail: z.string() });

/** A flag in the query of a stream. */
export const queryFlag = z.enum(["true", "false"]).transform((text) => text === "true");
