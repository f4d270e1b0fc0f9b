import { z } from "zod";

/** Any value of JSON. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** `z.json()` refers to itself, which the documents that are made of these schemas cannot. */
export const json: z.ZodType<JsonValue> = z.unknown() as z.ZodType<JsonValue>;
