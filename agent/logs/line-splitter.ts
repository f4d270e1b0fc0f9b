import { limits } from "../../shared/limits.ts";

/** Takes one piece of output. `partial`: no newline followed it. */
export type TakePiece = (text: string, partial: boolean) => void;

/**
 * Splits the bytes of one stream into lines. Bytes that are not UTF-8 become U+FFFD, a sequence cut by the end of a
 * chunk is kept for the next one, `\r` stays. A line longer than the limit leaves in pieces marked partial; the
 * piece that reaches the newline is not marked, even where it is empty.
 */
export class LineSplitter {
  private readonly decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  private readonly take: TakePiece;
  private readonly maxLength: number;
  private rest = "";

  constructor(take: TakePiece, maxLength: number = limits.maxLogLineLength) {
    this.take = take;
    this.maxLength = maxLength;
  }

  /** Output without its newline waits here. */
  get hasRest(): boolean {
    return this.rest !== "";
  }

  push(bytes: Uint8Array): void {
    this.split(this.decoder.decode(bytes, { stream: true }));
  }

  /** Hands over the unfinished line as it is; bytes of an unfinished character stay behind. */
  flush(): void {
    if (this.rest === "") return;
    this.take(this.rest, true);
    this.rest = "";
  }

  /** The stream is over. */
  end(): void {
    this.split(this.decoder.decode());
    this.flush();
  }

  private split(text: string): void {
    let start = 0;
    for (let newline = text.indexOf("\n"); newline !== -1; newline = text.indexOf("\n", start)) {
      this.rest += text.slice(start, newline);
      this.cutRest();
      this.take(this.rest, false);
      this.rest = "";
      start = newline + 1;
    }
    if (start < text.length) {
      this.rest += start === 0 ? text : text.slice(start);
      this.cutRest();
    }
  }

  private cutRest(): void {
    let start = 0;
    while (this.rest.length - start > this.maxLength) {
      let end = start + this.maxLength;
      // A character outside the basic plane is two units; it must not be torn.
      if (isHighSurrogate(this.rest.charCodeAt(end - 1))) end--;
      this.take(this.rest.slice(start, end), true);
      start = end;
    }
    if (start > 0) this.rest = this.rest.slice(start);
  }
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
