/** A stretch of a stream that was decoded to `count` bytes, from the byte `index` of the decoded stream on. */
interface Piece {
  index: number;
  count: number;
  /** The places of the raw bytes: the first, and the one after the last. */
  from: number;
  to: number;
}

/** A decoded chunk. It knows the place of every byte, but keeps only the places of what is not simply copied. */
export class Decoded {
  readonly bytes: Uint8Array;
  count = 0;
  private readonly pieces: Piece[];

  /** @param place of the first raw byte. @param capacity the most bytes it may have. */
  constructor(place: number, capacity: number) {
    this.bytes = new Uint8Array(capacity);
    this.pieces = [{ index: 0, count: 0, from: place, to: place }];
  }

  /** Adds bytes that mean themselves, and follow the last piece in the raw stream. */
  copy(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.count);
    this.count += bytes.length;
  }

  /** Adds what the raw bytes at these places mean; nothing, if they are left out. */
  add(bytes: ArrayLike<number>, from: number, to: number): void {
    this.pieces.push({ index: this.count, count: bytes.length, from, to });
    this.bytes.set(bytes, this.count);
    this.count += bytes.length;
  }

  /** The places of the raw bytes that a byte was made of: the first, and the one after the last. */
  placeOf(index: number): { from: number; to: number } {
    const { from, to, index: first, count } = this.pieceAt(index);
    if (index < first + count) return { from, to };
    const place = to + index - first - count;
    return { from: place, to: place + 1 };
  }

  private pieceAt(index: number): Piece {
    let low = 0;
    for (let high = this.pieces.length - 1; low < high; ) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.pieces[middle]?.index ?? 0) <= index) low = middle;
      else high = middle - 1;
    }
    return this.pieces[low] ?? { index: 0, count: 0, from: 0, to: 0 };
  }
}

/** Reads a stream the way a program that decodes it would. */
export interface View {
  /** Decodes as much as it can of the stream so far. */
  decode(chunk: Uint8Array, place: number): Decoded;
  /** The place of the first byte that cannot be decoded yet; undefined if there is none. */
  readonly pendingFrom: number | undefined;
  /** A stream without this byte is the same decoded and as it is; undefined: never. */
  readonly escapeByte: number | undefined;
}

const CR = 0x0d;
const LF = 0x0a;
/** Programs wrap base64 after 60, 64 or 76 characters: always a multiple of four. */
const GROUP = 4;
const MIN_WRAPPED = 16;

/** Base64 that may be wrapped (RFC 4648, section 3.1): the ends of wrapped lines are left out. */
export class Base64View implements View {
  readonly pendingFrom = undefined;
  readonly escapeByte = undefined;
  /** The unfinished line, as far as it came in earlier chunks. */
  private line = { length: 0, isBase64: true };

  decode(chunk: Uint8Array, place: number): Decoded {
    const decoded = new Decoded(place, chunk.length);
    let start = 0;
    let copied = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      const content = chunk[end - 1] === CR ? end - 1 : end;
      if (this.endsWrapped(chunk.subarray(start, Math.max(start, content)))) {
        decoded.copy(chunk.subarray(copied, Math.max(copied, content)));
        decoded.add([], place + content, place + end + 1);
        copied = end + 1;
      }
      start = end + 1;
    }
    decoded.copy(chunk.subarray(copied));
    const rest = chunk.subarray(start);
    this.line.isBase64 &&= rest.every((byte) => byte === CR || isBase64(byte));
    this.line.length += rest.length;
    return decoded;
  }

  /** Whether the line, of which this is the rest, may be a wrapped line of base64. The next line begins. */
  private endsWrapped(rest: Uint8Array): boolean {
    const { length, isBase64: wasBase64 } = this.line;
    this.line = { length: 0, isBase64: true };
    const all = length + rest.length;
    return wasBase64 && all >= MIN_WRAPPED && all % GROUP === 0 && rest.every(isBase64);
  }
}

/** Collects an escape sequence byte by byte. What turns out not to be one is passed on unchanged. */
abstract class EscapeView implements View {
  private readonly kept: number[] = [];
  private keptFrom = 0;

  constructor(readonly escapeByte: number) {}

  get pendingFrom(): number | undefined {
    return this.kept.length > 0 ? this.keptFrom : undefined;
  }

  decode(chunk: Uint8Array, place: number): Decoded {
    const decoded = new Decoded(place, chunk.length + this.kept.length);
    for (let i = 0; i < chunk.length; i++) {
      if (this.kept.length === 0) {
        const next = chunk.indexOf(this.escapeByte, i);
        const end = next === -1 ? chunk.length : next;
        decoded.copy(chunk.subarray(i, end));
        i = end;
        if (next === -1) break;
      }
      this.push(chunk[i] ?? 0, place + i, decoded);
    }
    return decoded;
  }

  private push(byte: number, place: number, decoded: Decoded): void {
    if (this.kept.length === 0) {
      if (byte !== this.escapeByte) {
        decoded.add([byte], place, place + 1);
        return;
      }
      this.keptFrom = place;
    }
    this.kept.push(byte);
    const meaning = this.kept.length === 1 ? "more" : this.meaningOf(this.kept);
    if (meaning === "more") return;
    const { keptFrom } = this;
    const all = this.kept.splice(0);
    if (meaning !== "none") {
      decoded.add(meaning, keptFrom, place + 1);
      return;
    }
    // Only the first byte is certainly not part of an escape sequence. Another may begin after it.
    decoded.add(all.slice(0, 1), keptFrom, keptFrom + 1);
    for (const [i, one] of all.slice(1).entries()) this.push(one, keptFrom + 1 + i, decoded);
  }

  /** The decoded bytes; `more` if the sequence is not complete, `none` if it is not an escape sequence. */
  protected abstract meaningOf(sequence: readonly number[]): ArrayLike<number> | "more" | "none";
}

/** `%41` for A, in upper or lower case, next to characters that are not encoded (RFC 3986 section 2.1). */
export class PercentView extends EscapeView {
  constructor() {
    super(0x25);
  }

  protected meaningOf(sequence: readonly number[]) {
    const [, ...digits] = sequence;
    if (!digits.every(isHex)) return "none";
    return digits.length < 2 ? "more" : [numberOf(digits)];
  }
}

const BACKSLASH = 0x5c;
const SMALL_U = 0x75;
const simpleEscapes = new Map(
  Object.entries({ '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }).map(
    ([name, means]) => [name.charCodeAt(0), means.charCodeAt(0)],
  ),
);
/** `\uD83D` needs the second half of its character. */
const ONE_UNIT = 6;

/** The escapes of a JSON string (RFC 8259 section 7), however many characters the writer chose to escape. */
export class JsonView extends EscapeView {
  constructor() {
    super(BACKSLASH);
  }

  protected meaningOf(sequence: readonly number[]) {
    const kind = sequence[1] ?? 0;
    const simple = simpleEscapes.get(kind);
    if (simple !== undefined) return [simple];
    if (kind !== SMALL_U) return "none";
    const digits = sequence.slice(2, ONE_UNIT);
    if (!digits.every(isHex)) return "none";
    if (digits.length < 4) return "more";
    const unit = numberOf(digits);
    if (unit < 0xd800 || unit > 0xdbff) return Buffer.from(String.fromCharCode(unit));
    return this.secondHalf(unit, sequence.slice(ONE_UNIT));
  }

  private secondHalf(high: number, rest: readonly number[]) {
    const [backslash = BACKSLASH, u = SMALL_U, ...digits] = rest;
    if (backslash !== BACKSLASH || u !== SMALL_U || !digits.every(isHex)) return "none";
    if (digits.length < 4) return "more";
    return Buffer.from(String.fromCharCode(high, numberOf(digits)));
  }
}

function isBase64(byte: number): boolean {
  const letter = byte | 0x20;
  if (letter >= 0x61 && letter <= 0x7a) return true;
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2f || byte === 0x2d || byte === 0x5f;
}

function isHex(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
}

function numberOf(hexDigits: readonly number[]): number {
  return Number.parseInt(String.fromCharCode(...hexDigits), 16);
}
