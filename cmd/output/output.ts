import { write } from "node:fs";
import { codeOf } from "../../shared/code-of.ts";
import { safeJson, safeLine, safeText } from "../../shared/terminal-text.ts";
import { textOf } from "../../shared/text-of.ts";
import { pause } from "../../shared/wait.ts";
import { type Look, lookOf } from "./look.ts";
import type { Painted } from "./paint.ts";

/** Removes the rest of a terminal's line. */
const CLEAR_TO_END = "\u001b[K";

/** The reader of our output is gone, so nobody is left to report to. */
export class BrokenPipeError extends Error {
  override name = "BrokenPipeError";
}

/**
 * Where a command writes: `result` for programs (stdout), `note` for people (stderr). Each call resolves when the text is
 * handed over, so a slow reader slows us down instead of filling memory. Waiting text for the same stream goes out
 * together, because a system call for every line would take most of the time. `process.stdout` would do the same but
 * takes 9 ms to load.
 */
export class Output {
  private tail: Promise<void> = Promise.resolve();
  private waiting: WaitingWrite | undefined;
  /** A line on a terminal's stderr without a newline, which other lines replace. */
  private status = "";
  private readonly looks = new Map<"stdout" | "stderr", Look>();

  /** The width and colours of stdout. */
  get resultLook(): Look {
    return this.lookOf("stdout");
  }

  /** The width and colours of stderr. */
  get noteLook(): Look {
    return this.lookOf("stderr");
  }

  /** Writes exactly this text, or these bytes, to stdout. */
  write(text: string | Uint8Array): Promise<void> {
    return this.enqueue(Bun.stdout, text);
  }

  /** Writes a line to stdout, with control characters neutralised: text from others must not command the terminal. */
  result(line: string): Promise<void> {
    return this.write(`${safeText(line)}\n`);
  }

  /** Writes lines to stdout that were neutralised before they got their colours. */
  painted(lines: Painted): Promise<void> {
    return this.write(`${lines}\n`);
  }

  json(value: unknown): Promise<void> {
    return this.write(`${safeJson(value)}\n`);
  }

  /** Writes a line for people to stderr, neutralised like a result. */
  note(line: string): Promise<void> {
    return this.writeError(`${safeText(line)}\n`);
  }

  /** Like `painted`, on stderr. */
  paintedNote(lines: Painted): Promise<void> {
    return this.writeError(`${lines}\n`);
  }

  /** Writes JSON to stderr. */
  noteJson(value: unknown): Promise<void> {
    return this.writeError(`${safeJson(value)}\n`);
  }

  /** Writes exactly this text, or these bytes, to stderr. */
  writeError(text: string | Uint8Array): Promise<void> {
    if (this.status !== "") this.showStatus("");
    return this.enqueue(Bun.stderr, text);
  }

  /** Shows a line on a terminal until the next line or status; empty: none. Must fit the terminal's width. */
  showStatus(line: string): void {
    if (line === this.status) return;
    this.status = line;
    // A terminal that is gone is reported by the next line.
    this.enqueue(Bun.stderr, `\r${safeLine(line)}${CLEAR_TO_END}`).catch(() => undefined);
  }

  /** Resolves when everything handed over so far is written or has failed. Never rejects. */
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
      // Text from the same chunk of a stream arrives before the next turn and goes out with this write.
      await nextTurn();
      if (this.waiting?.pieces === pieces) this.waiting = undefined;
      return put(target, joined(pieces));
    });
    // The caller gets the failure. The next write still gets its own try.
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

/** Strings alone are joined as strings, which is cheaper. */
function joined(pieces: readonly (string | Uint8Array)[]): string | Uint8Array {
  if (pieces.every((piece) => typeof piece === "string")) return pieces.join("");
  return Buffer.concat(pieces.map((piece) => (typeof piece === "string" ? Buffer.from(piece) : piece)));
}

/** The reader of a pipe or a socket has gone. */
const READER_GONE = new Set(["EPIPE", "ECONNRESET"]);

async function put(target: typeof Bun.stdout, data: string | Uint8Array): Promise<void> {
  if (data.length === 0) return;
  try {
    await writeAll(target === Bun.stdout ? 1 : 2, typeof data === "string" ? Buffer.from(data) : data);
  } catch (error) {
    if (READER_GONE.has(codeOf(error) ?? "")) {
      throw new BrokenPipeError("broken pipe", { cause: error });
    }
    const { CliError } = await import("../exit/failure.ts");
    const where = target === Bun.stdout ? "standard output" : "standard error";
    throw new CliError("cannot_write", `cannot write to ${where}: ${textOf(error)}`, {
      cause: error,
      todo: "The command may have done its work anyway; check before running it again",
    });
  }
}

const MAX_WAIT_MS = 20;

/** Not `Bun.write`: if a pipe does not block and is full in the middle, it writes the first part again. */
async function writeAll(fd: number, data: Uint8Array): Promise<void> {
  let waitMs = 1;
  for (let done = 0; done < data.length; ) {
    try {
      done += await writeSome(fd, data.subarray(done));
      waitMs = 1;
    } catch (error) {
      if (codeOf(error) !== "EAGAIN") throw error;
      await pause(waitMs);
      waitMs = Math.min(waitMs * 2, MAX_WAIT_MS);
    }
  }
}

function writeSome(fd: number, data: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, data, (error, written) => (error ? reject(error) : resolve(written)));
  });
}
