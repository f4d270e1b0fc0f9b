/** Counts what a job writes, in bytes, and keeps no more of it than its log may have. */
export class LogCap {
  private writtenBytes = 0;

  constructor(readonly maxBytes: number = Number.POSITIVE_INFINITY) {}

  /** How much output did not fit. */
  get droppedBytes(): number {
    return Math.max(0, this.writtenBytes - this.maxBytes);
  }

  /** Returns the part of the chunk that still fits: all of it, its beginning, or nothing. */
  take(bytes: Uint8Array): Uint8Array {
    const roomBytes = Math.max(0, this.maxBytes - this.writtenBytes);
    this.writtenBytes += bytes.byteLength;
    return bytes.byteLength <= roomBytes ? bytes : bytes.subarray(0, roomBytes);
  }
}
