import { data } from "@actions/expressions";

/**
 * A dictionary of an expression that changes while a job runs, perhaps on top of another one that does not. Names differ in
 * case only if `exact` is true, as in `env`.
 */
export class ContextMap extends data.Dictionary {
  private readonly entries = new Map<string, { key: string; value: data.ExpressionData }>();

  constructor(private readonly options: { exact?: boolean; base?: data.ExpressionData | undefined } = {}) {
    super();
  }

  set(key: string, value: data.ExpressionData | string): void {
    const kept = typeof value === "string" ? new data.StringData(value) : value;
    this.entries.set(this.nameOf(key), { key, value: kept });
  }

  override add(key: string, value: data.ExpressionData): void {
    this.set(key, value);
  }

  override get(key: string): data.ExpressionData | undefined {
    return this.entries.get(this.nameOf(key))?.value ?? this.base?.get(key);
  }

  override pairs(): { key: string; value: data.ExpressionData }[] {
    const below = (this.base?.pairs() ?? []).filter(({ key }) => !this.entries.has(this.nameOf(key)));
    return [...below, ...this.entries.values()];
  }

  override values(): data.ExpressionData[] {
    return this.pairs().map(({ value }) => value);
  }

  private get base(): data.Dictionary | undefined {
    const { base } = this.options;
    return base?.kind === data.Kind.Dictionary ? base : undefined;
  }

  private nameOf(key: string): string {
    return this.options.exact ? key : key.toLowerCase();
  }
}

/** A dictionary of texts. */
export function textsOf(
  texts: Iterable<readonly [string, string]>,
  options: { exact?: boolean } = {},
): ContextMap {
  const map = new ContextMap(options);
  for (const [key, value] of texts) map.set(key, value);
  return map;
}
