import { RecentMap } from "./recent-map.ts";

/** Parses JSON texts that are read again and again, like a node's description with every request, once each. */
export class ParsedJson<Value> {
  private readonly known: RecentMap<Value>;

  /** @param maxTexts how many texts are remembered. */
  constructor(maxTexts: number) {
    this.known = new RecentMap(maxTexts);
  }

  /** Returns the same value for the same text, frozen throughout. */
  parse(text: string): Value {
    return this.known.getOrMake(text, () => deepFreeze(JSON.parse(text)) as Value);
  }
}

function deepFreeze(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
