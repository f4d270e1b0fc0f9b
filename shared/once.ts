/**
 * Makes a value when it is asked for first. Schemas that only some calls need are made this way: making one takes longer
 * than checking a value with it, and a command that scripts call often has no time for those that it does not need.
 */
export function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
