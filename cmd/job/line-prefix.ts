type Stream = "stdout" | "stderr";

/** How much of a line is gathered before it is cut, for jobs that never end a line. */
const MAX_LINE_BYTES = 1024 * 1024;

/**
 * Puts a name before the lines of one of several jobs that write to the same place. A line is passed on only when it is
 * whole. Otherwise the lines of different jobs would mix.
 */
export class LinePrefix {
  private readonly prefix: Uint8Array;
  private readonly pieces: Record<Stream, Uint8Array[]> = { stdout: [], stderr: [] };
  private readonly lengths: Record<Stream, number> = { stdout: 0, stderr: 0 };

  constructor(prefix: string) {
    this.prefix = Buffer.from(prefix);
  }

  /** The line that this piece completes; undefined if the line goes on. */
  add(stream: Stream, piece: Uint8Array, partial: boolean): Uint8Array | undefined {
    this.pieces[stream].push(piece);
    this.lengths[stream] += piece.length;
    return partial && this.lengths[stream] < MAX_LINE_BYTES ? undefined : this.take(stream);
  }

  /** The unfinished line of a stream that has ended. */
  rest(stream: Stream): Uint8Array | undefined {
    return this.pieces[stream].length > 0 ? this.take(stream) : undefined;
  }

  private take(stream: Stream): Uint8Array {
    const line = Buffer.concat([this.prefix, ...this.pieces[stream], Buffer.from("\n")]);
    this.pieces[stream] = [];
    this.lengths[stream] = 0;
    return line;
  }
}
