const PREFIX = "tanvrit.";

/** What the person chose in this browser; undefined if nothing, or the browser keeps nothing. */
export function recall<T>(name: string): T | undefined {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}

/** Keeps a choice in this browser, if it keeps anything. Never for secrets. */
export function remember(name: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // The choice lasts as long as the page then.
  }
}
