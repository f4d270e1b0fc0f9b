import { safeJson, safeText } from "../../shared/terminal-text.ts";
import { type Look, lookOf } from "./look.ts";
import type { Painted } from "./paint.ts";

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
  private readonly looks = new Map<"stdout" | "stderr", Look>();

  /** Who looks at the results: how wide their terminal is, and whether they see colours. */
  get resultLook(): Look {
    return this.lookOf("stdout");
  }

  /** The same of notes. */
  get noteLook(): Look {
    return this.lookOf("stderr");
  }

  /** Exactly this text, or these bytes, on stdout. */
  write(text: string | Uint8Array): Promise<void> {
    return this.enqueue(Bun.stdout, text);
  }

  /** A line on stdout. What others named or said reaches no terminal as something that it obeys. */
  result(line: string): Promise<void> {
    return this.write(`${safeText(line)}\n`);
  }

  /** Lines on stdout that were made safe before they got their colours. */
  painted(lines: Painted): Promise<void> {
    return this.write(`${lines}\n`);
  }

  json(value: unknown): Promise<void> {
    return this.write(`${safeJson(value)}\n`);
  }

  /** A line for people, on stderr; safe as a result is. */
  note(line: string): Promise<void> {
    return this.writeError(`${safeText(line)}\n`);
  }

  /** As `painted`, on stderr. */
  paintedNote(lines: Painted): Promise<void> {
    return this.writeError(`${lines}\n`);
  }

  /** JSON on stderr. */
  noteJson(value: unknown): Promise<void> {
    return this.writeError(`${safeJson(value)}\n`);
  }

  /** Exactly this text, or these bytes, on stderr. */
  writeError(text: string | Uint8Array): Promise<void> {
    return this.enqueue(Bun.stderr, text);
  }

  /** Resolves when all that was handed over so far is written, or could not be. Never rejects. */
  settled(): Promise<void> {
    return this.tail;
  }

  private lookOf(stream: "stdout" | "stderr"): Look {
    const look = this.looks.get(stream) ?? lookOf(stream, process.env);
    this.looks.set(stream, look);
    return look;
  }

  private enqueue(target: typeof Bun.stdout, piece: string | Uint8Array): Promise<void> {
    if (this.waiting?.target === target) {
      this.waiting.pieces.push(piece);
      return this.waiting.written;
    }
    const pieces = [piece];
    const written = this.tail.then(async () => {
      // What the same chunk of a stream brings comes before the next turn, and goes out with this.
      await nextTurn();
      if (this.waiting?.pieces === pieces) this.waiting = undefined;
      return put(target, joined(pieces));
    });
    // The caller hears of a failure; the next write still gets its own try.
    this.tail = written.catch(() => undefined);
    this.waiting = { target, pieces, written };
    return written;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A write that has not begun. */
interface WaitingWrite {
  target: typeof Bun.stdout;
  pieces: (string | Uint8Array)[];
  written: Promise<void>;
}

/** Texts alone are joined as texts, which is the cheaper way. */
function joined(pieces: readonly (string | Uint8Array)[]): string | Uint8Array {
  if (pieces.every((piece) => typeof piece === "string")) return pieces.join("");
  return Buffer.concat(pieces.map((piece) => (typeof piece === "string" ? Buffer.from(piece) : piece)));
}

/** The reader of a pipe has gone, or that of a socket. */
const READER_GONE = new Set(["EPIPE", "ECONNRESET"]);

async function put(target: typeof Bun.stdout, data: string | Uint8Array): Promise<void> {
  if (data.length === 0) return;
  try {
    await Bun.write(target, data);
  } catch (error) {
    if (READER_GONE.has((error as { code?: string }).code ?? "")) {
      throw new BrokenPipeError("broken pipe", { cause: error });
    }
    const { CliError } = await import("../exit/failure.ts");
    const where = target === Bun.stdout ? "standard output" : "standard error";
    throw new CliError("cannot_write", `cannot write to ${where}: ${(error as Error).message}`, {
      cause: error,
      todo: "What was asked for may be done all the same; look before doing it again",
    });
  }
}
