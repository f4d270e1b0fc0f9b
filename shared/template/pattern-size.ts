/**
 * Estimates how many steps a pattern compiles to, without compiling it: `(abc){200}` is 600. Invalid patterns get a size
 * too.
 */
export function patternSize(source: string): number {
  /** The size of each open group so far; `last` is the size of the last part, which a repeat would repeat. */
  const sizes = [0];
  let last = 0;
  const add = (size: number) => {
    last = size;
    sizes[sizes.length - 1] = (sizes.at(-1) ?? 0) + size;
  };
  for (let at = 0; at < source.length; at++) {
    const character = source[at];
    if (character === "(") {
      sizes.push(1);
      last = 0;
    } else if (character === ")") {
      add(sizes.length > 1 ? (sizes.pop() ?? 0) : 1);
    } else if (character === "[") {
      at = endOfClass(source, at);
      add(1);
    } else if (character === "{") {
      const { times, length } = repeatAt(source, at);
      at += length - 1;
      // The part is already counted once.
      add(last * (times - 1));
      last *= times;
    } else {
      if (character === "\\") at++;
      add(1);
    }
  }
  return sizes.reduce((sum, size) => sum + size, 0);
}

function endOfClass(source: string, from: number): number {
  // A leading ] is literal.
  let at = from + (source[from + 1] === "^" ? 2 : 1);
  if (source[at] === "]") at++;
  while (at < source.length && source[at] !== "]") at += source[at] === "\\" ? 2 : 1;
  return at;
}

/** The highest count of a repeat, or its lowest if it has no end; a brace that is not a repeat counts once. */
function repeatAt(source: string, at: number): { times: number; length: number } {
  const match = /^\{(\d{1,4})(?:,(\d{0,4}))?\}/.exec(source.slice(at, at + 11));
  if (!match) return { times: 2, length: 1 };
  return { times: Math.max(1, Number(match[1]), Number(match[2] ?? 0)), length: match[0].length };
}
