import { isUtf8 } from "node:buffer";

/** Nothing shorter is masked: it would star out half of the log. */
const MIN_CHARACTERS = 4;
/** The lines of longer values are masked as they are, and not in base64 as well. */
const MAX_ENCODED_LINES_BYTES = 4 * 1024;

export interface SecretPatterns {
  /** The values, and their lines. */
  plain: Uint8Array[];
  /** The same in base64, without padding, in the alphabet with `+` and `/`. */
  base64: Uint8Array[];
}

/** Everything that must not be seen of the values: each as a whole and line by line, plain and in base64. */
export function patternsOf(values: readonly Uint8Array[]): SecretPatterns {
  const plain = values.flatMap((value) => [withoutEnd(value), ...linesOf(value)]).filter(isLongEnough);
  const encoded = values
    .flatMap((value) => [value, ...(value.length <= MAX_ENCODED_LINES_BYTES ? linesOf(value) : [])])
    .filter(isLongEnough);
  return {
    plain: [...plain, ...plain.map(withPlus).filter((one) => one !== undefined)],
    base64: encoded.flatMap(base64Of),
  };
}

/** Without the newlines at its end: the line after it in the log must stay a line of its own. */
function withoutEnd(value: Uint8Array): Uint8Array {
  return value.subarray(0, value.findLastIndex((byte) => byte !== 0x0a && byte !== 0x0d) + 1);
}

/** Without the white space around them: a line with a brace and its indentation is in every log. */
function linesOf(value: Uint8Array): Uint8Array[] {
  const lines = Buffer.from(value)
    .toString("latin1")
    .split(/[\r\n]+/);
  return lines.map((line) => Buffer.from(line.trim(), "latin1"));
}

function isLongEnough(value: Uint8Array): boolean {
  const characters = isUtf8(value) ? [...Buffer.from(value).toString("utf8")].length : value.length;
  return characters >= MIN_CHARACTERS;
}

/** A form (`application/x-www-form-urlencoded`) writes a space as a plus sign. Undefined if there is no space. */
function withPlus(value: Uint8Array): Uint8Array | undefined {
  if (!value.includes(0x20)) return undefined;
  return value.map((byte) => (byte === 0x20 ? 0x2b : byte));
}

/**
 * The value somewhere in a longer text in base64. Three bytes become four characters, so it looks different after 0, 1 and
 * 2 bytes; characters that also depend on what comes before or after it are left out. If it is the end of the text, one
 * more character is known.
 */
function base64Of(value: Uint8Array): Uint8Array[] {
  return [0, 1, 2].flatMap((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), value])
      .toString("base64")
      .replace(/=+$/, "");
    const first = Math.ceil((before * 8) / 6);
    const last = Math.floor(((before + value.length) * 8) / 6);
    return [encoded.slice(first, last), encoded.slice(first)]
      .filter((text) => text.length >= MIN_CHARACTERS)
      .map((text) => Buffer.from(text));
  });
}
