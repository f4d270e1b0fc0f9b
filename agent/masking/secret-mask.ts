import { Automaton } from "./automaton.ts";
import { patternsOf } from "./patterns.ts";
import { Search } from "./search.ts";
import { Base64View, JsonView, PercentView } from "./views.ts";

/** Takes the place of anything secret. */
const MASK = Buffer.from("***");
/** In URLs and file names, base64 has `-` and `_` in place of `+` and `/` (RFC 4648, section 5). */
const URL_ALPHABET = [
  [0x2d, 0x2b],
  [0x5f, 0x2f],
] as const;
/** Bytes of all values of a job together. What is built from them takes about two hundred times as much memory. */
const MAX_BYTES = 128 * 1024;

/**
 * Keeps the values of secrets out of what a job writes: as they are, line by line, in base64, URL-encoded and in JSON
 * strings. Values and lines of fewer than four characters are not masked. A text without secrets passes unchanged.
 */
export class SecretMask {
  private readonly plain: Automaton;
  private readonly base64: Automaton;

  /** Throws an Error if the values are too large together. */
  constructor(values: readonly Uint8Array[]) {
    const bytes = values.reduce((sum, value) => sum + value.length, 0);
    if (bytes > MAX_BYTES) {
      throw new Error(
        `The secrets of the job have ${bytes} bytes together; at most ${MAX_BYTES} can be masked.`,
      );
    }
    const { plain, base64 } = patternsOf(values);
    this.plain = new Automaton(plain);
    this.base64 = new Automaton(base64, { same: URL_ALPHABET });
  }

  /** For one stream: a secret may be cut anywhere between two chunks. */
  stream(): MaskStream {
    return new MaskStream(new Search(this.plain), [
      new Search(this.plain, new PercentView()),
      new Search(this.plain, new JsonView()),
      new Search(this.base64, new Base64View()),
    ]);
  }

  /** A whole text. */
  text(text: string): string {
    const stream = this.stream();
    return Buffer.concat([stream.push(Buffer.from(text)), stream.end()]).toString("utf8");
  }
}

/** A part of the stream that is replaced: from the first place up to, but without, the last. */
interface Range {
  from: number;
  to: number;
}

/** Masks one stream. What may be the beginning of a secret is held back until more of the stream, or its end, comes. */
export class MaskStream {
  /** The bytes from `heldFrom` on: everything that was not passed on. */
  private held: Uint8Array = new Uint8Array(0);
  private heldFrom = 0;
  /** Secrets found in `held`: apart from each other, in order. */
  private found: Range[] = [];

  /**
   * @param plain looks at the bytes as they are.
   * @param decoded look at them in another way.
   */
  constructor(
    private readonly plain: Search,
    private readonly decoded: readonly Search[],
  ) {}

  /** Returns what can be passed on. */
  push(chunk: Uint8Array): Uint8Array {
    const place = this.heldFrom + this.held.length;
    const onFound = (from: number, to: number) => this.add({ from, to });
    const following = this.decoded.filter((search) => search.wouldSee(chunk, this.plain));
    this.plain.look(chunk, place, onFound);
    for (const search of this.decoded) {
      if (following.includes(search)) search.follow(this.plain);
      else search.look(chunk, place, onFound);
    }
    this.held = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    return this.pass(this.decidedTo());
  }

  /**
   * The stream is silent. Returns secrets that are complete, even if they could still become a part of a longer one, with
   * what comes before them.
   */
  flush(): Uint8Array {
    const decidedTo = this.decidedTo();
    const known = this.found.find((range) => range.from <= decidedTo && range.to > decidedTo);
    return this.pass(known?.to ?? decidedTo);
  }

  /** Nothing follows. Returns the rest. */
  end(): Uint8Array {
    return this.pass(this.heldFrom + this.held.length);
  }

  /** The place before which nothing can become part of a secret any more. */
  private decidedTo(): number {
    const end = this.heldFrom + this.held.length;
    const undecided = [this.plain, ...this.decoded].map((search) => search.undecidedFrom ?? end);
    // A flush may have passed on the first lines of a secret that goes on.
    return Math.max(this.heldFrom, Math.min(end, ...undecided));
  }

  /** Ranges that overlap become one. */
  private add(range: Range): void {
    let { from, to } = range;
    const apart = this.found.filter((other) => {
      if (other.to < from || other.from > to) return true;
      from = Math.min(from, other.from);
      to = Math.max(to, other.to);
      return false;
    });
    this.found = [...apart, { from, to }].sort((a, b) => a.from - b.from);
  }

  /** Passes on what comes before this place. */
  private pass(before: number): Uint8Array {
    const last = this.found.findLast((range) => range.from < before);
    // A secret that is still growing is passed on as a whole later.
    const end = last && last.to > before ? Math.max(this.heldFrom, last.from) : before;
    const parts: Uint8Array[] = [];
    let at = this.heldFrom;
    for (const range of this.found.filter((one) => one.to <= end)) {
      parts.push(this.held.subarray(at - this.heldFrom, Math.max(at, range.from) - this.heldFrom), MASK);
      at = range.to;
    }
    parts.push(this.held.subarray(at - this.heldFrom, end - this.heldFrom));
    this.found = this.found.filter((one) => one.to > end);
    // Copied, because the memory of a chunk belongs to the caller.
    this.held = this.held.slice(end - this.heldFrom);
    this.heldFrom = end;
    return parts.length === 1 ? (parts[0] ?? this.held) : Buffer.concat(parts);
  }
}
