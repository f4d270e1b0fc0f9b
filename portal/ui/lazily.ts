/** Makes something when it is first needed: the first formatter of `Intl` takes a page tens of milliseconds. */
export function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
