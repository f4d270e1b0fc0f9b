/** A longer line is passed on in pieces. */
const MAX_LINE_BYTES = 1024 * 1024;
const LF = 0x0a;
const CR = 0x0d;

/** Cuts what a program writes into lines: at LF, CR LF and CR, as .NET's ReadLine does. */
export class LineCutter {
  private held: Uint8Array[] = [];
  private heldBytes = 0;
  /** The chunk before ended with CR, so an LF at the start of the next one ends no other line. */
  private afterCr = false;

  constructor(private readonly onLine: (line: string) => void) {}

  push(chunk: Uint8Array): void {
    let start = this.afterCr && chunk[0] === LF ? 1 : 0;
    if (chunk.length > 0) this.afterCr = false;
    let cr = chunk.indexOf(CR, start);
    let lf = chunk.indexOf(LF, start);
    while (cr !== -1 || lf !== -1) {
      const end = cr === -1 || (lf !== -1 && lf < cr) ? lf : cr;
      this.line(chunk.subarray(start, end));
      start = end + 1;
      if (end === cr && lf === start) start++;
      if (end === cr && start === chunk.length && chunk[end + 1] !== LF) this.afterCr = true;
      if (cr !== -1 && cr < start) cr = chunk.indexOf(CR, start);
      if (lf !== -1 && lf < start) lf = chunk.indexOf(LF, start);
    }
    this.hold(chunk.subarray(start));
  }

  /** Nothing follows: passes on a last line without an end. */
  end(): void {
    if (this.heldBytes > 0) this.line(new Uint8Array(0));
  }

  private hold(rest: Uint8Array): void {
    let at = 0;
    while (this.heldBytes + rest.length - at > MAX_LINE_BYTES) {
      const next = at + MAX_LINE_BYTES - this.heldBytes;
      this.line(rest.subarray(at, next));
      at = next;
    }
    if (at === rest.length) return;
    // Copied, because the memory of a chunk belongs to the caller.
    this.held.push(rest.slice(at));
    this.heldBytes += rest.length - at;
  }

  private line(end: Uint8Array): void {
    const bytes = this.heldBytes === 0 ? end : Buffer.concat([...this.held, end]);
    this.held = [];
    this.heldBytes = 0;
    this.onLine(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"));
  }
}
