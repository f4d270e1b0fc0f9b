import { z } from "zod";
import { Turns } from "../runtime/turns.ts";

/** A shorter list is checked in one go. */
const MIN_ENTRIES = 20;
/** Nobody reads more errors than this. */
const MAX_ISSUES = 100;

type Input = { success: true; data: unknown } | { success: false; error: z.ZodError };

/**
 * Like `schema.safeParse`, but checks the entries of a long list one by one and lets other requests have a turn in
 * between: checking the largest batch takes longer than others should wait.
 */
export async function checkInput(schema: z.ZodType, raw: unknown): Promise<Input> {
  const list = longListOf(schema, raw);
  if (!list) return schema.safeParse(raw);
  const around = list.around.safeParse(raw);
  if (!around.success) return around;
  const turns = new Turns();
  const entries: unknown[] = [];
  const issues: z.core.$ZodIssue[] = [];
  for (const [i, entry] of list.entries.entries()) {
    const checked = list.element.safeParse(entry);
    if (checked.success) entries.push(checked.data);
    else issues.push(...checked.error.issues.map((one) => ({ ...one, path: [list.field, i, ...one.path] })));
    if (issues.length >= MAX_ISSUES) break;
    await turns.next();
  }
  if (issues.length > 0) return { success: false, error: new z.ZodError(issues) };
  return { success: true, data: { ...(around.data as object), [list.field]: entries } };
}

interface LongList {
  field: string;
  element: z.ZodType;
  entries: readonly unknown[];
  /** The same schema, but with any value as an entry. */
  around: z.ZodType;
}

function longListOf(schema: z.ZodType, raw: unknown): LongList | undefined {
  if (!(schema instanceof z.ZodObject) || typeof raw !== "object" || raw === null) return undefined;
  for (const [field, value] of Object.entries(raw)) {
    if (!Array.isArray(value) || value.length < MIN_ENTRIES || !Object.hasOwn(schema.shape, field)) continue;
    const of = schema.shape[field] as z.ZodType;
    if (!(of instanceof z.ZodArray)) continue;
    const anything = of.clone({ ...of._zod.def, element: z.unknown() } as never) as z.ZodType;
    const around = schema.safeExtend({ [field]: anything } as never);
    return { field, element: of.element as z.ZodType, entries: value, around };
  }
  return undefined;
}
