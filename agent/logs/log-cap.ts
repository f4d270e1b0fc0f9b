/** Counts the bytes that a job writes, and cuts its output at the most that its log may hold. */
export class LogCap {
  private writtenBytes = 0;
  private isClosed = false;

  constructor(private maxBytes: number = Number.POSITIVE_INFINITY) {}

  /** From now on nothing more is kept. */
  close(): void {
    this.isClosed = true;
    this.maxBytes = Math.min(this.maxBytes, this.writtenBytes);
  }

  /** Whether nothing fits any more. */
  get isOver(): boolean {
    return this.isClosed || this.droppedBytes > 0;
  }

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
