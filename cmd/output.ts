/** Whoever read our output is gone; there is nobody left to tell anything. */
export class BrokenPipeError extends Error {
  override name = "BrokenPipeError";
}

/**
 * Where a command writes: `result` for programs (stdout), `note` for people (stderr). Each resolves when the text is
 * handed over, so that a slow reader slows us down instead of filling the memory. What waits for the same reader goes out
 * together: a call of the kernel for every line would take most of the time. `process.stdout` would do the same but takes
 * 9 ms to load.
 */
export class Output {
  private tail: Promise<void> = Promise.resolve();
  private waiting: WaitingWrite | undefined;

  /** Exactly this text on stdout. */
  write(text: string): Promise<void> {
    return this.enqueue(Bun.stdout, text);
  }

  /** A line on stdout. */
  result(line: string): Promise<void> {
    return this.write(`${line}\n`);
  }

  json(value: unknown): Promise<void> {
    return this.result(JSON.stringify(value));
  }

  /** A line for people, on stderr. */
  note(line: string): Promise<void> {
    return this.writeError(`${line}\n`);
  }

  /** Exactly this text on stderr. */
  writeError(text: string): Promise<void> {
    return this.enqueue(Bun.stderr, text);
  }

  private enqueue(target: typeof Bun.stdout, text: string): Promise<void> {
    if (this.waiting?.target === target) {
      this.waiting.texts.push(text);
      return this.waiting.written;
    }
    const texts = [text];
    const written = this.tail.then(() => {
      if (this.waiting?.texts === texts) this.waiting = undefined;
      return put(target, texts.join(""));
    });
    // The caller hears of a failure; the next write still gets its own try.
    this.tail = written.catch(() => undefined);
    this.waiting = { target, texts, written };
    return written;
  }
}

/** A write that has not begun. */
interface WaitingWrite {
  target: typeof Bun.stdout;
  texts: string[];
  written: Promise<void>;
}

async function put(target: typeof Bun.stdout, text: string): Promise<void> {
  if (text === "") return;
  try {
    await Bun.write(target, text);
  } catch (error) {
    if ((error as { code?: string }).code === "EPIPE")
      throw new BrokenPipeError("broken pipe", { cause: error });
    const { CliError } = await import("./failure.ts");
    const where = target === Bun.stdout ? "standard output" : "standard error";
    throw new CliError("cannot_write", `cannot write to ${where}: ${(error as Error).message}`, {
      cause: error,
      todo: "What was asked for may be done all the same; look before doing it again",
    });
  }
}
