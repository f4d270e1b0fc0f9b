import { inTime } from "../../shared/wait.ts";

/** Limits the reading after a program has ended: something it started may hold the pipe open forever. */
const REST_LIMIT_MS = 500;

/** The output of a program so far, up to a maximum size. */
export class ChildOutput {
  readonly tooMuch: Promise<"too much">;
  isTooMuch = false;
  private readonly over: Promise<void>;
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private readonly chunks: Uint8Array[] = [];

  constructor(
    stream: ReadableStream<Uint8Array>,
    private readonly maxBytes = Number.POSITIVE_INFINITY,
  ) {
    const { promise, resolve } = Promise.withResolvers<"too much">();
    this.reader = stream.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    this.tooMuch = promise;
    this.over = this.read().then(() => {
      if (this.isTooMuch) resolve("too much");
    });
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString("utf8");
  }

  /** Call it after the program has ended. Resolves when the rest of its output has been read; never waits long. */
  async rest(limitMs = REST_LIMIT_MS): Promise<void> {
    await inTime(Math.min(limitMs, REST_LIMIT_MS), this.over);
  }

  /** Stops reading: the writer gets EPIPE instead of filling this process's memory. */
  stop(): void {
    void this.reader.cancel().catch(() => {}); // The stream has ended already.
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
      // A broken pipe has no more output.
    }
  }
}
