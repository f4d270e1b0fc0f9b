/** `NAME=value` and `NAME<<DELIMITER` as in $GITHUB_ENV. Throws an Error in GitHub's words; what comes before it counts. */
export function* pairsIn(text: string): Generator<[name: string, value: string]> {
  const lines = new Lines(text.replace(/^\uFEFF/, ""));
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    if (line === "") continue;
    const equals = line.indexOf("=");
    const heredoc = line.indexOf("<<");
    if (heredoc !== -1 && (equals === -1 || heredoc < equals)) yield readHeredoc(line, heredoc, lines);
    else if (equals > 0) yield [line.slice(0, equals), line.slice(equals + 1)];
    else if (equals === 0) throw new Error(`Invalid format '${line}'. Name must not be empty`);
    else throw new Error(`Invalid format '${line}'`);
  }
}

/** The directories in $GITHUB_PATH, in their order. */
export function pathsIn(text: string): string[] {
  return text
    .replace(/^\uFEFF/, "")
    .split(/\r\n|\r|\n/)
    .filter((line) => line !== "");
}

function readHeredoc(line: string, at: number, lines: Lines): [string, string] {
  const name = line.slice(0, at);
  const delimiter = line.slice(at + 2);
  if (name === "" || delimiter === "") {
    throw new Error(`Invalid format '${line}'. Name must not be empty and delimiter must not be empty`);
  }
  const value: string[] = [];
  for (;;) {
    const next = lines.next();
    if (next === delimiter) return [name, value.join("\n")];
    if (next === undefined || !lines.lastEnded) {
      throw new Error(`Invalid value. Matching delimiter not found '${delimiter}'`);
    }
    value.push(next);
  }
}

class Lines {
  /** Whether the last line had a newline. */
  lastEnded = true;
  private at = 0;

  constructor(private readonly text: string) {}

  next(): string | undefined {
    if (this.at >= this.text.length) return undefined;
    const newline = this.text.indexOf("\n", this.at);
    this.lastEnded = newline !== -1;
    const end = newline === -1 ? this.text.length : newline;
    const line = this.text.slice(this.at, end);
    this.at = end + 1;
    return line;
  }
}
