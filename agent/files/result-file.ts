import { limits } from "../../shared/limits.ts";

/** How people know the file: in problems with it. */
const SHOWN = "$TANVRIT_RESULTS";
const MAX_KEYS = 1_000;
const KEY = /^[A-Za-z_][A-Za-z0-9_.-]{0,199}$/;

/** Something that could not be collected, and why. */
export interface OutputProblem {
  path: string;
  message: string;
}

export interface ReadResults {
  results: Record<string, string>;
  problems: OutputProblem[];
}

/**
 * Reads the file in which a job wrote its results: lines `KEY=VALUE`, and values of several lines as `KEY<<END`, the lines,
 * and `END` alone. A later value of a key counts. Lines that are neither are named as problems, and the others count.
 */
export function readResults(content: Uint8Array): ReadResults {
  const reader = new ResultReader();
  const isTooLong = content.length > limits.maxResultsBytes;
  // A byte that is not UTF-8 becomes the character for that, which is then named.
  const text = new TextDecoder().decode(content.subarray(0, limits.maxResultsBytes));
  const lines = text.split("\n");
  // Without a newline at the end the last line counts, unless it was cut.
  const last = lines.pop() ?? "";
  if (last !== "" && !isTooLong) lines.push(last);
  for (const line of lines) reader.read(line);
  reader.end();
  if (isTooLong)
    reader.problems.push({
      path: SHOWN,
      message: `it has more than ${limits.maxResultsBytes} bytes; what comes after them does not count`,
    });
  return { results: Object.fromEntries(reader.results), problems: reader.problems };
}

class ResultReader {
  readonly results = new Map<string, string>();
  readonly problems: OutputProblem[] = [];
  private lineNumber = 0;
  /** Of the results as JSON. */
  private bytes = "{}".length;
  private open: { key: string; end: string; lines: string[]; lineNumber: number } | undefined;

  read(line: string): void {
    this.lineNumber++;
    if (this.open) {
      if (line !== this.open.end) this.open.lines.push(line);
      else {
        this.set(this.open.key, this.open.lines.join("\n"));
        this.open = undefined;
      }
      return;
    }
    if (line.trim() === "") return;
    const [, key = "", operator, rest = ""] = /^(.*?)(=|<<)(.*)$/.exec(line) ?? [];
    if (operator === undefined) this.problem("is neither KEY=VALUE nor KEY<<END");
    else if (!KEY.test(key))
      this.problem("has a key that is not 1 to 200 letters, digits and _ . -, beginning with a letter or _");
    else if (operator === "=") this.set(key, rest);
    else if (rest === "") this.problem("has no word after << that ends the value");
    else this.open = { key, end: rest, lines: [], lineNumber: this.lineNumber };
  }

  end(): void {
    if (!this.open) return;
    const { key, end, lineNumber } = this.open;
    this.lineNumber = lineNumber;
    this.problem(`begins a value of ${key}, and no line ${end} ends it`);
  }

  private set(key: string, value: string): void {
    const problem = value.includes("\uFFFD")
      ? `has a value of ${key} that is not UTF-8`
      : this.fit(key, value);
    if (problem === undefined) this.results.set(key, value);
    else this.problem(problem);
  }

  /** Why there is no room for the value; undefined: it counts from now on. */
  private fit(key: string, value: string): string | undefined {
    const before = this.results.get(key);
    if (before === undefined && this.results.size >= MAX_KEYS)
      return `has more than the ${MAX_KEYS} keys that are kept`;
    const bytes = this.bytes + entryBytes(key, value) - (before === undefined ? 0 : entryBytes(key, before));
    if (bytes > limits.maxResultsBytes)
      return `sets ${key}, which makes the results larger than ${limits.maxResultsBytes} bytes as JSON`;
    this.bytes = bytes;
    return undefined;
  }

  private problem(what: string): void {
    this.problems.push({ path: SHOWN, message: `line ${this.lineNumber} ${what}` });
  }
}

function entryBytes(key: string, value: string): number {
  return Buffer.byteLength(`${JSON.stringify(key)}:${JSON.stringify(value)},`);
}
