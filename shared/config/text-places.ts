import type { z } from "zod";

/** A place in a value where the schema expects text but the value is something else: `holder[key]`. */
export interface TextPlace {
  holder: Record<PropertyKey, unknown>;
  key: PropertyKey;
  path: PropertyKey[];
  /** Whether the schema also accepts the value and turns it into text. */
  takesValue: boolean;
}

type Core = z.core.$ZodType;

/** Loose schemas whose values are later read by a stricter one, such as a template's job. */
const likes = new WeakMap<Core, Core>();

/** Finds text in values of `schema` as if they had the schema `like`. */
export function readAs<Schema extends Core>(schema: Schema, like: Core): Schema {
  likes.set(schema, like);
  return schema;
}

/**
 * Finds every number, boolean and big integer of `value` where `schema` expects text: an unquoted scalar of a file, meant
 * as its characters and not as its value. Places where the schema expects a number do not count. Only reads the value.
 * @param wants chooses places; the search ends after `max` of them.
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

/** Returns false if `add` wants no more places. */
function walk(
  schemas: readonly Core[],
  value: unknown,
  path: PropertyKey[],
  above: Set<object>,
  add: (place: TextPlace) => boolean,
): boolean {
  // A YAML alias can make a value that contains itself.
  if (typeof value !== "object" || value === null || above.has(value)) return true;
  const cores = schemas.flatMap(alternatives);
  if (cores.length === 0) return true;
  above.add(value);
  const holder = value as Record<PropertyKey, unknown>;
  for (const name of Object.keys(value)) {
    // Fast path: most values of a file or a request are strings.
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

/** The schema type of a value. */
function kindOf(value: unknown): Kind {
  return typeof value as Kind;
}

function isScalar(value: unknown): boolean {
  return typeof value === "number" || typeof value === "boolean" || typeof value === "bigint";
}

/** The alternatives of a schema without wrappers. */
function alternatives(schema: Core): Core[] {
  const like = likes.get(schema);
  if (like) return alternatives(like);
  const def = definition(schema);
  if (def.type === "union") return def.options.flatMap(alternatives);
  if (def.type === "pipe") {
    // The output of a preprocess is read by the next schema.
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
