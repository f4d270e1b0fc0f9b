import { z } from "zod";
import { Turns } from "../../shared/turns.ts";

/** Lists are checked in one go if they are shorter, or their body is smaller: that takes a few milliseconds. */
const MIN_ENTRIES = 20;
const MIN_BODY_BYTES = 64 * 1024;
/** Nobody reads more errors than this. */
const MAX_ISSUES = 100;

type Input = { success: true; data: unknown } | { success: false; error: z.ZodError };

/**
 * Like `schema.safeParse`, but checks the entries of a long list one by one and lets other requests have a turn in
 * between: checking the largest batch takes longer than others should wait.
 * @param bodyBytes the size of the body that `raw` was read from; 0 without one.
 */
export async function checkInput(schema: z.ZodType, raw: unknown, bodyBytes: number): Promise<Input> {
  const list = bodyBytes < MIN_BODY_BYTES ? undefined : longListOf(schema, raw);
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
    if (turns.isDue) await turns.next();
  }
  if (issues.length > 0) return { success: false, error: new z.ZodError(issues) };
  return { success: true, data: { ...(around.data as object), [list.field]: entries } };
}

interface LongList extends ListField {
  field: string;
  entries: readonly unknown[];
}

/** A field of a schema that takes a list. */
interface ListField {
  element: z.ZodType;
  /** The same schema, but with any value as an entry. */
  around: z.ZodType;
}

function longListOf(schema: z.ZodType, raw: unknown): LongList | undefined {
  if (!(schema instanceof z.ZodObject) || typeof raw !== "object" || raw === null) return undefined;
  for (const [field, list] of listFieldsOf(schema)) {
    const value = (raw as Record<string, unknown>)[field];
    if (Array.isArray(value) && value.length >= MIN_ENTRIES) return { ...list, field, entries: value };
  }
  return undefined;
}

/** Making a schema, and using it for the first time, takes longer than most checks. */
const listFields = new WeakMap<z.ZodObject, ReadonlyMap<string, ListField>>();

/** The fields of a schema that take a list, by name. */
function listFieldsOf(schema: z.ZodObject): ReadonlyMap<string, ListField> {
  let fields = listFields.get(schema);
  if (!fields) {
    fields = new Map(
      Object.entries(schema.shape).flatMap(([field, of]) =>
        of instanceof z.ZodArray ? [[field, listFieldOf(schema, field, of)]] : [],
      ),
    );
    listFields.set(schema, fields);
  }
  return fields;
}

function listFieldOf(schema: z.ZodObject, field: string, of: z.ZodArray): ListField {
  const anything = of.clone({ ...of._zod.def, element: z.unknown() } as never) as z.ZodType;
  const around = schema.safeExtend({ [field]: anything } as never);
  return { element: of.element as z.ZodType, around };
}
