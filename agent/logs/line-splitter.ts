import { isUtf8 } from "node:buffer";
import { limits } from "../../shared/limits.ts";

export interface LineSink {
  /** Takes a line or a piece of one: a text, or bytes if it is not UTF-8. `partial`: no newline followed it. */
  take(piece: string | Uint8Array, partial: boolean): void;
  /** Takes `count` lines at once, of which each ends with a newline. */
  takeLines(text: string, count: number): void;
}

const NEWLINE = 0x0a;
/** Lines are passed on together up to about so many characters. */
const CHARS_AT_ONCE = 4 * 1024;
/** A UTF-8 character has at most this many bytes after its first. */
const MAX_CONTINUATIONS = 3;
/** No UTF-16 unit has more bytes than that, so the bytes of a short text need no counting. */
const MAX_BYTES_OF_UNIT = MAX_CONTINUATIONS + 1;

/**
 * Splits the bytes of one stream into lines. A line that is not UTF-8 is passed on as bytes, any other as text. A
 * character cut by the end of a chunk waits for the next chunk; `\r` stays. A line longer than the limit is passed on
 * in pieces marked partial. The last piece, which ends with the newline, is not marked, even if it is empty.
 */
export class LineSplitter {
  private readonly decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** The unfinished line: a text, followed in `raw` by bytes that are not text, or not yet. */
  private rest = "";
  private raw: Uint8Array = new Uint8Array(0);

  constructor(
    private readonly sink: LineSink,
    private readonly maxBytes: number = limits.maxLogLineLength,
  ) {}

  /** Whether an unfinished line waits here. */
  get hasRest(): boolean {
    return this.rest !== "" || this.raw.length > 0;
  }

  push(bytes: Uint8Array): void {
    const all = this.raw.length > 0 ? Buffer.concat([this.raw, bytes]) : bytes;
    const whole = wholeLength(all);
    const characters = all.subarray(0, whole);
    if (isUtf8(characters)) {
      this.splitText(this.decoder.decode(characters));
      // It is copied, because the memory of a chunk belongs to the caller.
      this.raw = all.slice(whole);
    } else {
      this.splitBytes(all);
    }
  }

  /** Passes the unfinished line on, marked partial. Bytes of an unfinished character stay. */
  flush(): void {
    const whole = wholeLength(this.raw);
    if (this.rest !== "" || whole > 0) this.takeRaw(this.raw.subarray(0, whole), true);
    this.raw = this.raw.slice(whole);
  }

  /** The stream is over. */
  end(): void {
    if (this.hasRest) this.takeRaw(this.raw, true);
    this.raw = new Uint8Array(0);
  }

  private splitText(text: string): void {
    let start = 0;
    /** Lines from here to `start` wait to be passed on together. */
    let from = 0;
    let count = 0;
    const passOn = () => {
      if (count > 0) this.sink.takeLines(text.slice(from, start), count);
      count = 0;
    };
    for (let newline = text.indexOf("\n"); newline !== -1; newline = text.indexOf("\n", start)) {
      if (this.rest === "" && (newline - start) * MAX_BYTES_OF_UNIT <= this.maxBytes) {
        if (count++ === 0) from = start;
        start = newline + 1;
        if (start - from >= CHARS_AT_ONCE) passOn();
        continue;
      }
      passOn();
      this.rest += text.slice(start, newline);
      this.cutRest();
      this.sink.take(this.rest, false);
      this.rest = "";
      start = newline + 1;
    }
    passOn();
    if (start < text.length) {
      this.rest += start === 0 ? text : text.slice(start);
      this.cutRest();
    }
  }

  private cutRest(): void {
    if (this.rest.length * MAX_BYTES_OF_UNIT <= this.maxBytes) return;
    let bytes: Uint8Array = Buffer.from(this.rest);
    if (bytes.length <= this.maxBytes) return;
    while (bytes.length > this.maxBytes) {
      const end = this.cutLength(bytes);
      this.sink.take(this.decoder.decode(bytes.subarray(0, end)), true);
      bytes = bytes.subarray(end);
    }
    this.rest = this.decoder.decode(bytes);
  }

  /** Like `splitText`, for a chunk that is not all text. Some of its lines may still be text. */
  private splitBytes(bytes: Uint8Array): void {
    this.raw = new Uint8Array(0);
    let start = 0;
    for (let newline = bytes.indexOf(NEWLINE); newline !== -1; newline = bytes.indexOf(NEWLINE, start)) {
      this.takeRaw(bytes.subarray(start, newline), false);
      start = newline + 1;
    }
    let last = this.joinRest(bytes.subarray(start));
    while (last.length > this.maxBytes) {
      const end = this.cutLength(last);
      this.takeBytes(last.subarray(0, end), true);
      last = last.subarray(end);
    }
    this.raw = last.slice();
  }

  /** Takes the unfinished line, with these bytes at its end. */
  private takeRaw(bytes: Uint8Array, partial: boolean): void {
    let line = this.joinRest(bytes);
    while (line.length > this.maxBytes) {
      const end = this.cutLength(line);
      this.takeBytes(line.subarray(0, end), true);
      line = line.subarray(end);
    }
    this.takeBytes(line, partial);
  }

  private joinRest(bytes: Uint8Array): Uint8Array {
    if (this.rest === "") return bytes;
    const joined = Buffer.concat([Buffer.from(this.rest), bytes]);
    this.rest = "";
    return joined;
  }

  private takeBytes(bytes: Uint8Array, partial: boolean): void {
    this.sink.take(isUtf8(bytes) ? this.decoder.decode(bytes) : bytes, partial);
  }

  /** Where the first piece of a line that is too long ends: never inside a character. */
  private cutLength(bytes: Uint8Array): number {
    return wholeLength(bytes.subarray(0, this.maxBytes)) || this.maxBytes;
  }
}

/** The number of bytes before an incomplete character at the end. */
function wholeLength(bytes: Uint8Array): number {
  const { length } = bytes;
  for (let back = 1; back <= Math.min(MAX_CONTINUATIONS, length); back++) {
    const byte = bytes[length - back] ?? 0;
    if (byte < 0x80) return length;
    if (byte < 0xc0) continue;
    const wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return byte < 0xf8 && wanted > back ? length - back : length;
  }
  return length;
}
