import { pause } from "../../../shared/wait.ts";
import type { TaskOutput } from "../port/executor.ts";
import { type Frame, FrameReader } from "./frames.ts";

const LOOK_EVERY_MS = 100;
const TAIL_BYTES = 1_024;

/**
 * Passes a container's output on. While the reader has no room, nothing is read from the engine, so the container blocks
 * on its own pipes. If the container has ended in the meantime, the rest in those pipes is read into memory, a few
 * megabytes at most: the engine drops it soon after the end.
 */
export class OutputPump {
  private readonly never = new AbortController().signal;
  /** The last write, while it waits for room. */
  private room: Promise<void> | undefined;
  private kept: Frame[] = [];
  private last = "";

  constructor(
    private readonly output: TaskOutput,
    /** Whether the container has ended; undefined: unknown. */
    private readonly hasEnded: () => boolean | undefined,
  ) {}

  /** Resolves once the stream has ended or broken. Everything read has then been delivered, or is kept for `deliver`. */
  async read(stream: AsyncIterable<Uint8Array>): Promise<void> {
    const frames = new FrameReader();
    try {
      for await (const chunk of stream) {
        for (const frame of frames.push(chunk)) await this.take(frame);
      }
    } catch {
      // A broken stream has no more output. The engine knows whether the container still runs.
    }
  }

  /** Resolves once everything that was read has been delivered. */
  async deliver(): Promise<void> {
    await this.room;
    this.room = undefined;
    for (const { stream, bytes } of this.kept.splice(0)) await this.output.write(stream, bytes, this.never);
  }

  /** The end of everything that was read, to find out why a container failed. */
  get tail(): string {
    return this.last;
  }

  private async take(frame: Frame): Promise<void> {
    this.last = (this.last + Buffer.from(frame.bytes.subarray(-TAIL_BYTES)).toString("latin1")).slice(
      -TAIL_BYTES,
    );
    if (this.room) {
      this.kept.push({ ...frame, bytes: frame.bytes.slice() });
      return;
    }
    const room = this.output.write(frame.stream, frame.bytes, this.never);
    if (!room) return;
    this.room = room;
    if (await this.roomWhileItRuns(room)) this.room = undefined;
  }

  /** Waits for room. false: the container ended before there was any. */
  private async roomWhileItRuns(room: Promise<void>): Promise<boolean> {
    const freed = new AbortController();
    void room.then(() => freed.abort());
    while (!freed.signal.aborted) {
      await pause(LOOK_EVERY_MS, freed.signal);
      if (!freed.signal.aborted && this.hasEnded() === true) return false;
    }
    return true;
  }
}
