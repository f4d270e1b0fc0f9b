import { CliError, LeftError } from "../exit/failure.ts";
import { type EndingSignal, heededSignals } from "../exit/signals.ts";

/** What is pasted arrives at once; a line that is typed by hand after Enter does not come this soon. */
const PASTE_MS = 100;

/** Keys, as a terminal in raw mode sends them. */
const CTRL_C = 0x03;
const CTRL_D = 0x04;
const BACKSPACE = 0x08;
const TAB = 0x09;
const CTRL_U = 0x15;
const SPACE = 0x20;
const DELETE = 0x7f;
const ENTER = [0x0a, 0x0d];

const SEVERAL_LINES = "Give a value of several lines with --from-file, or through a pipe";

/**
 * Asks for a line on the terminal that is the standard input, and shows nothing of what is typed. Whatever ends it, the
 * terminal shows again what is typed afterwards. Throws LeftError on Ctrl-C and on an ending signal, and CliError if more
 * than one line was pasted, as its other lines would go to the shell as commands, or a key such as an arrow was pressed.
 * @param ask shows the question, and `ended` ends the line that the person could not see.
 */
export async function readHiddenLine(
  ask: () => Promise<void>,
  ended: () => Promise<void>,
): Promise<Uint8Array> {
  const { stdin } = process;
  const line = new HiddenLine();
  const stops = heededSignals().map((name) => onSignal(name, () => line.leave(name)));
  const onData = (chunk: Buffer) => line.typed(chunk);
  const onEnd = () => line.enter();
  try {
    // Before the question is shown: the answer must not be shown.
    stdin.setRawMode(true);
    stdin.on("data", onData).on("end", onEnd);
    // It stands still after an earlier question.
    stdin.resume();
    await ask();
    await line.entered;
    await Bun.sleep(PASTE_MS);
    return line.bytes();
  } finally {
    stdin.off("data", onData).off("end", onEnd);
    stdin.setRawMode(false);
    stdin.pause();
    for (const stop of stops) stop();
    // A line that cannot be ended must not keep the answer from being used.
    await ended().catch(() => undefined);
  }
}

/** A line while it is typed. */
class HiddenLine {
  private readonly keys: number[] = [];
  private isEntered = false;
  private hasMore = false;
  private hasOtherKeys = false;
  private readonly done = Promise.withResolvers<void>();

  constructor() {
    // Ctrl-C may come while the question is still being written, before anyone waits for the line.
    this.done.promise.catch(() => undefined);
  }

  /** Resolves at Enter, and rejects when it is left. */
  get entered(): Promise<void> {
    return this.done.promise;
  }

  typed(chunk: Uint8Array): void {
    for (const key of chunk) this.type(key);
    chunk.fill(0);
  }

  enter(): void {
    this.isEntered = true;
    this.done.resolve();
  }

  leave(by: EndingSignal): void {
    this.keys.fill(0);
    this.done.reject(new LeftError(by));
  }

  bytes(): Uint8Array {
    const bytes = Uint8Array.from(this.keys);
    this.keys.fill(0);
    if (!this.hasMore && !this.hasOtherKeys) return bytes;
    bytes.fill(0);
    if (this.hasMore)
      throw new CliError("bad_data", "more than one line was pasted", { todo: SEVERAL_LINES });
    throw new CliError("bad_data", "a key that is no character was pressed, such as an arrow", {
      todo: "Run the command again",
    });
  }

  private type(key: number): void {
    if (key === CTRL_C) this.leave("SIGINT");
    else if (this.isEntered) this.hasMore = true;
    else if (ENTER.includes(key) || key === CTRL_D) this.enter();
    else if (key === CTRL_U) this.forget();
    else if (key === BACKSPACE || key === DELETE) this.eraseOne();
    else {
      this.hasOtherKeys ||= key < SPACE && key !== TAB;
      this.keys.push(key);
    }
  }

  private forget(): void {
    this.keys.length = 0;
    this.hasOtherKeys = false;
  }

  /** Takes back one character, which may be several bytes of UTF-8. */
  private eraseOne(): void {
    while (((this.keys.pop() ?? 0) & 0xc0) === 0x80) {
      // A byte in the middle of a character.
    }
  }
}

function onSignal(name: EndingSignal, listener: () => void): () => void {
  process.on(name, listener);
  return () => process.off(name, listener);
}
