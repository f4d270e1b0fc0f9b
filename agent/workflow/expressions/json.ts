import { data } from "@actions/expressions";
import type { FunctionDefinition } from "@actions/expressions/funcs/info";
import { textOfNumber } from "./library-fixes.ts";
import type { Value } from "./scope.ts";

/** As an expression sees a value of JSON; undefined is null. */
export function toData(value: unknown): data.ExpressionData {
  if (value === null || value === undefined) return new data.Null();
  if (typeof value === "string") return new data.StringData(value);
  if (typeof value === "number") return new data.NumberData(value);
  if (typeof value === "boolean") return new data.BooleanData(value);
  if (Array.isArray(value)) return new data.Array(...value.map(toData));
  if (typeof value !== "object") return new data.StringData(String(value));
  const dictionary = new data.Dictionary();
  for (const [key, of] of Object.entries(value)) if (of !== undefined) dictionary.add(key, toData(of));
  return dictionary;
}

export function toValue(value: data.ExpressionData): Value {
  switch (value.kind) {
    case data.Kind.Null:
      return null;
    case data.Kind.Array:
      return value.values().map(toValue);
    case data.Kind.Dictionary:
      return Object.fromEntries(value.pairs().map(({ key, value: of }) => [key, toValue(of)]));
    default:
      return value.value;
  }
}

/** The layout of the runner: two spaces, keys in their own order, numbers as elsewhere in expressions. */
export function textOfJson(value: data.ExpressionData, indent = ""): string {
  const deeper = `${indent}  `;
  switch (value.kind) {
    case data.Kind.Null:
      return "null";
    case data.Kind.String:
      return JSON.stringify(value.value);
    case data.Kind.Number:
      return textOfNumber(value.value);
    case data.Kind.Boolean:
      return String(value.value);
    case data.Kind.Array: {
      const items = value.values().map((item) => deeper + textOfJson(item, deeper));
      return items.length === 0 ? "[]" : `[\n${items.join(",\n")}\n${indent}]`;
    }
    case data.Kind.Dictionary: {
      const pairs = value
        .pairs()
        .map(({ key, value: of }) => `${deeper}${JSON.stringify(key)}: ${textOfJson(of, deeper)}`);
      return pairs.length === 0 ? "{}" : `{\n${pairs.join(",\n")}\n${indent}}`;
    }
  }
}

const MAX_SHOWN = 60;

/** In place of the parser's own: with the runner's layout, and an error that shows what was no JSON. */
export const jsonFunctions: ReadonlyMap<string, FunctionDefinition> = new Map([
  [
    "tojson",
    {
      name: "toJSON",
      minArgs: 1,
      maxArgs: 1,
      call: (value: data.ExpressionData) => new data.StringData(textOfJson(value)),
    },
  ],
  [
    "fromjson",
    {
      name: "fromJSON",
      minArgs: 1,
      maxArgs: 1,
      call: (value: data.ExpressionData) => parsedJson(value.coerceString()),
    },
  ],
]);

function parsedJson(text: string): data.ExpressionData {
  if (text.trim() === "") throw new Error("fromJSON got an empty text, which is not JSON");
  try {
    return toData(JSON.parse(text));
  } catch (error) {
    const shown = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
    throw new Error(`fromJSON got a text that is not JSON: ${shown}`, { cause: error });
  }
}
