/**
 * What moves the cursor, changes colours, titles and keyboards, or turns the order of letters round: control characters of
 * ASCII and of Latin-1 but for newline and tab, and the marks of bidirectional text.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** A text that others had a hand in, as it may be shown on a terminal: U+FFFD stands for what is no letter. */
export function safeText(text: string): string {
  return text.replace(UNSAFE, "\ufffd");
}

/** The same where the text has one line to itself, and must not make another. */
export function safeLine(text: string): string {
  return safeText(text.replaceAll("\n", "\\n").replaceAll("\t", "\\t"));
}

/** A value as JSON in one line that a terminal shows and does not obey; it means the same. */
export function safeJson(value: unknown): string {
  const text = JSON.stringify(value) ?? "null";
  return text.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
