import type { z } from "zod";

/** A place in a value where the schema takes a text and something else stands: `holder[key]`. */
export interface TextPlace {
  holder: Record<PropertyKey, unknown>;
  key: PropertyKey;
  path: PropertyKey[];
  /** Whether the schema takes what stands there, too, and makes a text of it. */
  takesValue: boolean;
}

type Core = z.core.$ZodType;

/** Schemas that say less than what their values are read as later: those of a template's job. */
const likes = new WeakMap<Core, Core>();

/** Texts in values of `schema` are found where `like` has them. */
export function readAs<Schema extends Core>(schema: Schema, like: Core): Schema {
  likes.set(schema, like);
  return schema;
}

/**
 * Every number, boolean and big integer of `value` that stands where `schema` takes a text: an unquoted scalar of a file,
 * whose characters are meant and not its value. What stands where the schema takes a number is no such place. The value
 * is only read.
 * @param wants which of them are meant; it ends with the first `max` of those.
 */
export function textPlaces(
  schema: Core,
  value: unknown,
  wants: (place: TextPlace) => boolean = () => true,
  max = Number.POSITIVE_INFINITY,
): TextPlace[] {
  const found: TextPlace[] = [];
  const add = (place: TextPlace) => {
    if (wants(place)) found.push(place);
    return found.length < max;
  };
  walk([schema], value, [], new Set(), add);
  return found;
}

/** Returns false where `add` wants no more. */
function walk(
  schemas: readonly Core[],
  value: unknown,
  path: PropertyKey[],
  above: Set<object>,
  add: (place: TextPlace) => boolean,
): boolean {
  // An alias of YAML can make a value that holds itself.
  if (typeof value !== "object" || value === null || above.has(value)) return true;
  const cores = schemas.flatMap(alternatives);
  if (cores.length === 0) return true;
  above.add(value);
  const holder = value as Record<PropertyKey, unknown>;
  for (const name of Object.keys(value)) {
    // Most of what stands in a file or a request are texts, and many of them.
    if (typeof holder[name] === "string") continue;
    const key = Array.isArray(value) ? Number(name) : name;
    const inner = cores.flatMap((core) => childOf(core, key, Array.isArray(value)));
    if (inner.length === 0) continue;
    const at = [...path, key];
    if (isScalar(holder[key])) {
      const types = inner.flatMap(alternatives).map((core) => definition(core).type);
      if (!types.includes("string")) continue;
      if (!add({ holder, key, path: at, takesValue: types.includes(kindOf(holder[key])) })) return false;
    } else if (!walk(inner, holder[key], at, above, add)) {
      return false;
    }
  }
  above.delete(value);
  return true;
}

type Kind = z.core.$ZodTypes["_zod"]["def"]["type"];

/** As schemas call it. */
function kindOf(value: unknown): Kind {
  return typeof value as Kind;
}

function isScalar(value: unknown): boolean {
  return typeof value === "number" || typeof value === "boolean" || typeof value === "bigint";
}

/** What a schema may be, without what is wrapped around it. */
function alternatives(schema: Core): Core[] {
  const like = likes.get(schema);
  if (like) return alternatives(like);
  const def = definition(schema);
  if (def.type === "union") return def.options.flatMap(alternatives);
  if (def.type === "pipe") {
    // What a preprocess makes of its input is read by what comes behind it.
    return alternatives(definition(def.in).type === "transform" ? def.out : def.in);
  }
  return "innerType" in def ? alternatives(def.innerType as Core) : [schema];
}

function childOf(core: Core, key: PropertyKey, isItem: boolean): Core[] {
  const def = definition(core);
  if (def.type === "array") return isItem ? [def.element] : [];
  if (isItem) return [];
  if (def.type === "record") return [def.valueType];
  if (def.type !== "object" || !Object.hasOwn(def.shape, key)) return [];
  return [def.shape[String(key)] as Core];
}

function definition(schema: Core) {
  return (schema as z.core.$ZodTypes)._zod.def;
}
