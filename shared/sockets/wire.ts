import type { Socket } from "bun";

/** We never send larger messages: a larger one means the other side is not ours. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const NEWLINE = 0x0a;

/** One end of a socket that carries JSON messages, one per line. */
export class Wire<Sent, Received> {
  /** Messages of this turn of the event loop, sent together. */
  private outgoing: string[] = [];
  /** What the socket had no room for, oldest first. */
  private unsent: Uint8Array[] = [];
  private incoming: Uint8Array[] = [];
  private incomingBytes = 0;
  private readonly drained = Promise.withResolvers<void>();
  private ending = false;

  constructor(
    private readonly socket: Socket<unknown>,
    private readonly onMessage: (message: Received) => void,
    private readonly maxMessageBytes = MAX_MESSAGE_BYTES,
  ) {}

  send(message: Sent): void {
    if (this.outgoing.length === 0) queueMicrotask(() => this.flush());
    this.outgoing.push(`${JSON.stringify(message)}\n`);
  }

  /** Resolves when all messages are with the kernel or the socket is gone. Do not send after this. */
  async end(): Promise<void> {
    this.flush();
    this.ending = true;
    if (this.unsent.length === 0) this.drained.resolve();
    await this.drained.promise;
    this.socket.end();
  }

  /** The socket has room again. */
  onDrain(): void {
    for (let bytes = this.unsent.shift(); bytes; bytes = this.unsent.shift()) {
      const written = this.write(bytes);
      if (written === bytes.length) continue;
      this.unsent.unshift(bytes.subarray(written));
      return;
    }
    if (this.ending) this.drained.resolve();
  }

  onClosed(): void {
    this.outgoing = [];
    this.unsent = [];
    this.drained.resolve();
  }

  /** Throws SyntaxError if the other side does not send JSON. */
  onData(chunk: Uint8Array): void {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      this.incoming.push(chunk.subarray(from, end));
      const text = Buffer.concat(this.incoming).toString("utf8");
      this.incoming = [];
      this.incomingBytes = 0;
      from = end + 1;
      this.onMessage(JSON.parse(text) as Received);
    }
    if (from === chunk.length) return;
    // The runtime reuses the chunk's memory, so the rest is copied.
    this.incoming.push(chunk.slice(from));
    this.incomingBytes += chunk.length - from;
    if (this.incomingBytes > this.maxMessageBytes) throw new SyntaxError("The message has no end.");
  }

  private flush(): void {
    if (this.outgoing.length === 0) return;
    const bytes = Buffer.from(this.outgoing.join(""));
    this.outgoing = [];
    const written = this.unsent.length > 0 ? 0 : this.write(bytes);
    if (written < bytes.length) this.unsent.push(bytes.subarray(written));
  }

  /** Returns how many bytes the socket took. */
  private write(bytes: Uint8Array): number {
    return Math.max(0, this.socket.write(bytes));
  }
}
