import { useState } from "preact/hooks";

/**
 * What a control shows while somebody types: their own words, as long as they mean the value. Once the value comes from
 * elsewhere, the words follow it. So `1.` may be typed on the way to `1.5`, and a row may be empty for a while.
 */
export function useDrafted<Words, Value>(
  value: Value,
  read: (value: Value) => Words,
  mean: (words: Words) => Value,
): [Words, (words: Words) => Value] {
  const [words, setWords] = useState(() => read(value));
  const shown = JSON.stringify(mean(words)) === JSON.stringify(value) ? words : read(value);
  const change = (next: Words) => {
    setWords(next);
    return mean(next);
  };
  return [shown, change];
}
