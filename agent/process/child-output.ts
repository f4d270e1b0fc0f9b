import { inTime } from "../../shared/wait.ts";

/** For reading what a program left in its pipe when it ended; something it started may hold that open for ever. */
const REST_LIMIT_MS = 500;

/** What came of a program's output so far, up to a size. */
export class ChildOutput {
  readonly tooMuch: Promise<"too much">;
  isTooMuch = false;
  private readonly over: Promise<void>;
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private readonly maxBytes: number;
  private readonly chunks: Uint8Array[] = [];

  constructor(stream: ReadableStream<Uint8Array>, maxBytes = Number.POSITIVE_INFINITY) {
    const { promise, resolve } = Promise.withResolvers<"too much">();
    this.reader = stream.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    this.maxBytes = maxBytes;
    this.tooMuch = promise;
    this.over = this.read().then(() => {
      if (this.isTooMuch) resolve("too much");
    });
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString("utf8");
  }

  /** Resolves when all is read that a program which has ended can have left; never waits long. */
  async rest(limitMs = REST_LIMIT_MS): Promise<void> {
    await inTime(Math.min(limitMs, REST_LIMIT_MS), this.over);
  }

  /** The writer gets EPIPE instead of filling our memory. */
  stop(): void {
    void this.reader.cancel().catch(() => {}); // It was over already.
  }

  private async read(): Promise<void> {
    let bytes = 0;
    try {
      for (;;) {
        const { done, value } = await this.reader.read();
        if (done) return;
        bytes += value.length;
        this.isTooMuch = bytes > this.maxBytes;
        if (this.isTooMuch) return this.stop();
        this.chunks.push(value);
      }
    } catch {
      // A pipe that breaks has no more to give.
    }
  }
}
