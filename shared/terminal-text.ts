/**
 * Characters that move the cursor, change colours, titles or keyboards, or reverse the order of letters: control characters
 * of ASCII and Latin-1, except newline and tab, and the marks of bidirectional text.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: matches control characters on purpose
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Makes untrusted text safe for a terminal: unsafe characters become U+FFFD. */
export function safeText(text: string): string {
  return text.replace(UNSAFE, "\ufffd");
}

/** The same for text that must stay on one line. */
export function safeLine(text: string): string {
  return safeText(text.replaceAll("\n", "\\n").replaceAll("\t", "\\t"));
}

/** A value as one line of JSON that is safe for a terminal and keeps its meaning. */
export function safeJson(value: unknown): string {
  const text = JSON.stringify(value) ?? "null";
  return text.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
