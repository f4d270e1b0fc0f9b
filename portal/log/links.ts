/** A part of a text: a link or what is between links. */
export interface TextPart {
  text: string;
  href?: string;
}

const URL_START = /https?:\/\//g;
const URL_CHARACTERS = /[^\s<>"'`\\^{}|]+/y;
const TRAILING = /[.,;:!?*_~\]]$/;

/** Finds URLs in plain text. Punctuation after a URL, and a bracket that was opened before it, are not part of it. */
export function linkParts(text: string): TextPart[] {
  if (!text.includes("://")) return [{ text }];
  const parts: TextPart[] = [];
  let at = 0;
  for (const { index } of text.matchAll(URL_START)) {
    if (index < at) continue;
    URL_CHARACTERS.lastIndex = index;
    const href = trimmed(URL_CHARACTERS.exec(text)?.[0] ?? "");
    if (!URL.canParse(href)) continue;
    if (index > at) parts.push({ text: text.slice(at, index) });
    parts.push({ text: href, href });
    at = index + href.length;
  }
  if (at < text.length) parts.push({ text: text.slice(at) });
  return parts;
}

function trimmed(found: string): string {
  let url = found;
  for (;;) {
    const last = url.at(-1);
    const isExtra = TRAILING.test(url) || (last === ")" && !isBalanced(url));
    if (!isExtra) return url;
    url = url.slice(0, -1);
  }
}

function isBalanced(url: string): boolean {
  return url.split("(").length >= url.split(")").length;
}
