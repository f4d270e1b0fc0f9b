export interface Frame {
  stream: "stdout" | "stderr";
  bytes: Uint8Array;
}

const HEADER_BYTES = 8;
/** By the engine's numbers: stdin, stdout, stderr, and its own errors while streaming. */
const STREAMS = ["stdout", "stdout", "stderr", "stderr"] as const;

/**
 * Splits the output of an attached container into its streams. The engine sends frames: one byte for the stream, three
 * zeros, four bytes for the length, then the content. The network can split them anywhere. Each part of a frame is passed
 * on immediately, so nothing is delayed or buffered.
 */
export class FrameReader {
  private readonly header = new Uint8Array(HEADER_BYTES);
  private headerLength = 0;
  private stream: Frame["stream"] = "stdout";
  private left = 0;

  /** Returns the parts of frames in the next chunk. Throws if the stream has no frames. */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.left === 0) {
        at += this.readHeader(chunk.subarray(at));
        continue;
      }
      const bytes = chunk.subarray(at, at + this.left);
      this.left -= bytes.length;
      at += bytes.length;
      frames.push({ stream: this.stream, bytes });
    }
    return frames;
  }

  private readHeader(bytes: Uint8Array): number {
    const taken = Math.min(HEADER_BYTES - this.headerLength, bytes.length);
    this.header.set(bytes.subarray(0, taken), this.headerLength);
    this.headerLength += taken;
    if (this.headerLength < HEADER_BYTES) return taken;
    this.headerLength = 0;
    const stream = STREAMS[this.header[0] ?? 0];
    if (stream === undefined || this.header[1] !== 0 || this.header[2] !== 0 || this.header[3] !== 0) {
      throw new Error("the engine sent output that is not in frames");
    }
    this.stream = stream;
    this.left = new DataView(this.header.buffer).getUint32(4);
    return taken;
  }
}
