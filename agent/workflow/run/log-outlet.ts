/** Text that may wait for its reader before the steps of jobs have to wait too. */
const MAX_WAITING_CHARS = 4 * 1024 * 1024;

/** Lines that go out together. */
interface Batch {
  written: Promise<void>;
  /** Resolves when they are out, or cannot be written, which the writer of the log reports. */
  over: Promise<void>;
  chars: number;
}

/** Where the log leaves the engine. A slow reader slows the steps of jobs down instead of filling memory. */
export class LogOutlet {
  private waitingChars = 0;
  private last: Batch | undefined;

  constructor(private readonly writeLine: (line: string) => Promise<void> | void) {}

  write(line: string): void {
    const written = this.writeLine(line);
    if (!written) return;
    const batch = this.last?.written === written ? this.last : this.begin(written);
    batch.chars += line.length;
    this.waitingChars += line.length;
  }

  /** Resolves when the reader has caught up; undefined: there is room. */
  room(): Promise<void> | undefined {
    return this.waitingChars > MAX_WAITING_CHARS ? this.last?.over : undefined;
  }

  private begin(written: Promise<void>): Batch {
    const done = () => {
      this.waitingChars -= batch.chars;
    };
    const batch: Batch = { written, chars: 0, over: written.then(done, done) };
    this.last = batch;
    return batch;
  }
}
