/**
 * What of a line a page can show. Colours (SGR) and links (OSC 8) stay as escape sequences; everything else that moves a
 * cursor, rings or talks to a terminal goes.
 */
export interface CleanText {
  text: string;
  /** The text still has escape sequences. */
  escapes: boolean;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROLS = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/;
/** Nothing but colours among the text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const ONLY_COLOURS = /^[^\x00-\x08\x0a-\x1f\x7f-\x9f]*(?:\x1b\[[\d;]*m[^\x00-\x08\x0a-\x1f\x7f-\x9f]*)*$/;
/** CSI, OSC, other strings, other escapes, and single control characters, in this order. */
const SEQUENCE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  /(?:\x1b\[|\x9b)([0-?]*)([ -/]*[@-~]|$)|\x1b\]([^\x07\x1b\x9c]*)(?:\x07|\x1b\\|\x9c|$)|\x1b[PX^_][^\x1b\x9c]*(?:\x1b\\|\x9c|$)|\x1b[ -/]*[0-~]?|[\x00-\x08\x0a-\x1f\x7f-\x9f]/g;
/** What `cleanText` leaves in a text: colours and links. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
export const KEPT_SEQUENCE = /\x1b\[([\d;]*)m|\x1b\]8;([^\x07]*)\x07/g;
/** More overwritten states than this are not looked at; the line is then shown as its last piece. */
const MAX_STATES = 1_000;

export function cleanText(raw: string): CleanText {
  if (!CONTROLS.test(raw)) return { text: raw, escapes: false };
  if (ONLY_COLOURS.test(raw)) return { text: raw, escapes: true };
  const last = lastState(raw);
  const kept = last.replace(SEQUENCE, (all: string, params?: string, final?: string, osc?: string) => {
    if (final === "m" && /^[\d;:]*$/.test(params ?? "")) return `\x1b[${plainParams(params ?? "")}m`;
    if (osc?.startsWith("8;")) return `\x1b]${osc}\x07`;
    return all === "\b" ? all : "";
  });
  const text = kept.includes("\b") ? erased(kept) : kept;
  return { text, escapes: text.includes("\x1b") };
}

/** A spinner goes back one character and writes the next. */
function erased(text: string): string {
  const left: string[] = [];
  for (const character of text) {
    if (character === "\b") left.pop();
    else left.push(character);
  }
  return left.join("");
}

/** The text without any escape sequence, for search and copies. `text` is a text that `cleanText` made. */
export function plainText(text: string): string {
  return text.includes("\x1b") ? text.replace(KEPT_SEQUENCE, "") : text;
}

/** A progress bar writes over itself after each carriage return: this is what it showed last. */
export function lastState(raw: string): string {
  let end = raw.length;
  for (let states = 0; states < MAX_STATES; states++) {
    const start = raw.lastIndexOf("\r", end - 1) + 1;
    if (start === 0) return raw.slice(0, end);
    const state = raw.slice(start, end);
    if (state !== "" && state.replace(SEQUENCE, "") !== "") return state;
    end = start - 1;
    if (end <= 0) return "";
  }
  return raw.slice(raw.lastIndexOf("\r") + 1);
}

/** `38:2::1:2:3` as `38;2;1;2;3`, and curly underlines as underlines. */
function plainParams(params: string): string {
  if (!params.includes(":")) return params;
  return params
    .split(";")
    .map((one) => {
      const parts = one.split(":");
      const [code, mode] = parts;
      if (code === "4") return mode === "0" ? "24" : "4";
      if (code !== "38" && code !== "48") return code;
      if (mode === "5") return [code, mode, parts[2]].join(";");
      return mode === "2" && parts.length >= 5 ? [code, mode, ...parts.slice(-3)].join(";") : undefined;
    })
    .filter((one) => one !== undefined)
    .join(";");
}
