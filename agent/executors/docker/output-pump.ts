import { pause } from "../../../shared/wait.ts";
import type { TaskOutput } from "../port/executor.ts";
import { type Frame, FrameReader } from "./frames.ts";

const LOOK_EVERY_MS = 100;
const TAIL_BYTES = 1_024;

/**
 * Hands a container's output on. While the reader of it has no room, nothing is read from the engine, and so the
 * container is held by its own pipes. When the container has ended meanwhile, what is left in those pipes is taken
 * into memory, a few megabytes at most: an engine gives it up soon after the end.
 */
export class OutputPump {
  private readonly output: TaskOutput;
  /** undefined: nobody can say. */
  private readonly hasEnded: () => boolean | undefined;
  private readonly never = new AbortController().signal;
  /** The last write that has no room yet. */
  private room: Promise<void> | undefined;
  private kept: Frame[] = [];
  private last = "";

  constructor(output: TaskOutput, hasEnded: () => boolean | undefined) {
    this.output = output;
    this.hasEnded = hasEnded;
  }

  /** Resolves when the stream has ended, or broken; what was read by then is delivered, or kept for `deliver`. */
  async read(stream: AsyncIterable<Uint8Array>): Promise<void> {
    const frames = new FrameReader();
    try {
      for await (const chunk of stream) {
        for (const frame of frames.push(chunk)) await this.take(frame);
      }
    } catch {
      // A stream that breaks has no more to give; whether the container goes on is for the engine to say.
    }
  }

  /** Resolves when all that was read has been delivered. */
  async deliver(): Promise<void> {
    await this.room;
    this.room = undefined;
    for (const { stream, bytes } of this.kept.splice(0)) await this.output.write(stream, bytes, this.never);
  }

  /** The end of all that was read, for whoever looks why a container failed. */
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

  /** false: the container has ended before there was room. */
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
