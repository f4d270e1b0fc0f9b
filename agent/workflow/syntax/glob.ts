/**
 * GitHub's patterns for branches, tags and paths: `*` any characters but `/`, `**` any characters, `?` none or one of the
 * character before, `+` one or more of it, `[a-z]` one of these, `\` takes the next character as it is.
 */
export function globPattern(glob: string): RegExp {
  let source = "";
  let atom = "";
  for (let at = 0; at < glob.length; ) {
    const next = atomAt(glob, at);
    const isQuantifier = (glob[at] === "?" || glob[at] === "+") && atom !== "";
    if (isQuantifier) atom = `(?:${atom})${glob[at]}`;
    else {
      source += atom;
      atom = next.source;
    }
    at += isQuantifier ? 1 : next.length;
  }
  return new RegExp(`^${source}${atom}$`, "su");
}

/** Whether the last pattern that fits the text is one without `!`. */
export function matchesGlobs(globs: readonly string[], text: string): boolean {
  let matches = false;
  for (const glob of globs) {
    const excludes = glob.startsWith("!");
    if (excludes !== matches) continue;
    if (compiled(excludes ? glob.slice(1) : glob).test(text)) matches = !excludes;
  }
  return matches;
}

const MAX_COMPILED = 1_000;
const cache = new Map<string, RegExp>();

function compiled(glob: string): RegExp {
  const known = cache.get(glob);
  if (known) return known;
  if (cache.size >= MAX_COMPILED) cache.clear();
  const pattern = globPattern(glob);
  cache.set(glob, pattern);
  return pattern;
}

function atomAt(glob: string, at: number): { source: string; length: number } {
  if (glob.startsWith("**/", at) && (at === 0 || glob[at - 1] === "/"))
    return { source: "(?:.*/)?", length: 3 };
  if (glob.startsWith("**", at)) return { source: ".*", length: 2 };
  if (glob[at] === "*") return { source: "[^/]*", length: 1 };
  if (glob[at] === "\\" && at + 1 < glob.length)
    return { source: literal(glob, at + 1), length: 1 + size(glob, at + 1) };
  const end = glob[at] === "[" ? glob.indexOf("]", at + 2) : -1;
  if (end < 0) return { source: literal(glob, at), length: size(glob, at) };
  const inside = glob.slice(at + 1, end).replace(/[\\\]^[&~|]/g, "\\$&");
  return {
    source: isSet(inside) ? `[${inside}]` : literal(glob, at),
    length: isSet(inside) ? end + 1 - at : 1,
  };
}

/** Whether the ranges of a set run upwards. */
function isSet(inside: string): boolean {
  try {
    new RegExp(`[${inside}]`, "u");
    return true;
  } catch {
    return false;
  }
}

function literal(glob: string, at: number): string {
  return String.fromCodePoint(glob.codePointAt(at) ?? 0).replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

function size(glob: string, at: number): number {
  return (glob.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}
