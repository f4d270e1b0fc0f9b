import { CommandWords } from "./program-text.ts";

type Open = { kind: "double" } | { kind: "substitution"; parentheses: number; words: CommandWords };
type Place = { context: "bare" | "single" | "double" } | { problem: string };

const SPACES = " \t\n";
const OPERATORS = ";&|()<>";
/** `${name}` with simple contents that need no quoting. */
const SIMPLE_EXPANSION = /\$\{[^'"`\\${}\n\0]*\}/y;
const SIMPLE_ARITHMETIC = /\$\(\([^'"`\\#(){}<>\n\0]*\)\)/y;

/**
 * Scans text for `sh -c` as a POSIX shell would and finds the quotes around every placeholder. Shells differ in dark
 * corners. After one of those, the scanner no longer trusts itself and refuses every later placeholder, because one
 * misread quote would turn everything after it inside out.
 */
export class ShellScanner {
  /** Marks a placeholder in the text; no command may contain this character. */
  static readonly PLACEHOLDER = "\0";

  private at = 0;
  private readonly found: Place[] = [];
  /** The open "…" and $(…) around the current position; each $(…) with its number of open parentheses. */
  private readonly open: Open[] = [];
  /** The number of open $(…). */
  private substitutions = 0;
  /** The words of the command so far, without quotes, and the start of the current word. */
  private words = new CommandWords();
  private wordFrom = 0;
  /** Whether a word may start here; then `#` starts a comment. */
  private wordStart = true;

  constructor(private readonly text: string) {}

  places(): Place[] {
    while (this.at < this.text.length) {
      if (this.open.at(-1)?.kind === "double") this.inDouble();
      else this.bare();
    }
    return this.found;
  }

  private bare(): void {
    const character = this.text[this.at] ?? "";
    const wasWordStart = this.wordStart;
    this.wordStart = SPACES.includes(character) || OPERATORS.includes(character);
    if (this.wordStart) this.endWord(character);
    if (character === ShellScanner.PLACEHOLDER) {
      this.place("bare");
    } else if (character === "\\") {
      this.backslash(wasWordStart);
    } else if (character === "'") {
      this.single();
    } else if (character === '"') {
      this.open.push({ kind: "double" });
      this.at++;
    } else if (character === "$") {
      this.dollar(false);
    } else if (character === "`") {
      this.lose("after a ` (write $(…) instead of `…`)");
    } else if (character === "#" && wasWordStart) {
      this.comment();
    } else if (this.text.startsWith("<<", this.at)) {
      this.lose("in or after a here-document");
    } else if (this.text.startsWith("((", this.at)) {
      this.lose("after ((");
    } else {
      this.plain(character, wasWordStart);
    }
  }

  private plain(character: string, wasWordStart: boolean): void {
    const around = this.open.at(-1);
    if (around?.kind === "substitution") {
      if (character === "(") around.parentheses++;
      if (character === ")" && --around.parentheses === 0) {
        this.open.pop();
        this.substitutions--;
        this.words = around.words;
        this.wordStart = false;
      }
      // The ) of a case pattern would look like the end of the $(…).
      if (wasWordStart && /^case\b/.test(this.text.slice(this.at, this.at + 5))) {
        this.lose("after a case in $(…)");
        return;
      }
    }
    this.at++;
  }

  /** A space ends a word of the command; most operators end the command. */
  private endWord(by: string): void {
    const word = this.text.slice(this.wordFrom, this.at).replace(/["']/g, "");
    if (word) this.words.push(word);
    if (";&|()\n".includes(by)) this.words = new CommandWords();
    this.wordFrom = this.at + 1;
  }

  private inDouble(): void {
    const character = this.text[this.at];
    if (character === ShellScanner.PLACEHOLDER) {
      this.place("double");
    } else if (character === "\\") {
      this.backslash(false);
    } else if (character === "$") {
      this.dollar(true);
    } else if (character === "`") {
      this.lose("after a ` (write $(…) instead of `…`)");
    } else {
      if (character === '"') this.open.pop();
      this.at++;
    }
  }

  private single(): void {
    this.wordStart = false;
    for (this.at++; this.at < this.text.length; ) {
      const character = this.text[this.at];
      if (character === ShellScanner.PLACEHOLDER) {
        this.place("single");
        continue;
      }
      this.at++;
      if (character === "'") return;
    }
  }

  /** A backslash escapes the next character; at the end of a line it joins the next line. */
  private backslash(wasWordStart: boolean): void {
    const next = this.text[this.at + 1];
    if (next === ShellScanner.PLACEHOLDER) {
      this.found.push({ problem: refusal("directly after a backslash") });
    }
    // The shell joins the lines before it reads the operator.
    const split = "$<(&|;>".includes(this.text[this.at - 1] || " ");
    if (next === "\n" && (split || this.inSubstitution())) {
      this.lose("after a \\ that splits an operator, or a $(…), over two lines");
      return;
    }
    if (next === "\n") this.wordStart = wasWordStart;
    this.at += 2;
  }

  private dollar(quoted: boolean): void {
    const next = this.text[this.at + 1];
    if (next === ShellScanner.PLACEHOLDER) {
      this.found.push({ problem: refusal("directly after a $") });
      this.at += 2;
    } else if (!quoted && (next === "'" || next === '"')) {
      this.lose(`after $${next}…${next}, which shells read differently`);
    } else if (next === "[") {
      this.lose("after $[");
    } else if (next === "{") {
      if (!this.skip(SIMPLE_EXPANSION)) this.lose(EXPANSION);
    } else if (this.text.startsWith("$((", this.at)) {
      if (!this.skip(SIMPLE_ARITHMETIC)) this.lose("in or after $((…))");
    } else if (next === "(") {
      this.open.push({ kind: "substitution", parentheses: 1, words: this.words });
      this.substitutions++;
      this.words = new CommandWords();
      this.wordStart = true;
      this.at += 2;
      this.wordFrom = this.at;
    } else {
      this.at++;
    }
  }

  private comment(): void {
    while (this.at < this.text.length && this.text[this.at] !== "\n") {
      if (this.text[this.at] === ShellScanner.PLACEHOLDER) {
        this.found.push({ problem: refusal("in a comment") });
      }
      this.at++;
    }
  }

  private place(context: "bare" | "single" | "double"): void {
    if (this.inSubstitution()) this.found.push({ problem: refusal("in $(…)") });
    else if (this.words.nextIsProgram) this.found.push({ problem: PROGRAM_TEXT });
    else this.found.push({ context });
    this.at++;
  }

  private inSubstitution(): boolean {
    return this.substitutions > 0;
  }

  private skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match) this.at = pattern.lastIndex;
    return match !== null;
  }

  /** Refuses every placeholder from here on. */
  private lose(where: string): void {
    for (const character of this.text.slice(this.at)) {
      if (character === ShellScanner.PLACEHOLDER) this.found.push({ problem: refusal(where) });
    }
    this.at = this.text.length;
  }
}

const USE_A_LIST =
  "write the command as a list, or put the value into an environment variable (env) and use that here";

const EXPANSION = `in or after a $\{…} that is not simple`;

const PROGRAM_TEXT = `it is in the text of another program, where a value could become code; ${USE_A_LIST}`;

function refusal(where: string): string {
  return `it is ${where}, where a value cannot be quoted safely; ${USE_A_LIST}`;
}
