import { limits } from "../../shared/limits.ts";
import { CliError } from "../exit/failure.ts";
import { readHiddenLine } from "../input/hidden-line.ts";
import { isTerminal } from "../input/is-terminal.ts";
import { readBytes } from "../input/read-file.ts";
import type { Output } from "../output/output.ts";

const STDIN = 0;

/** Asks for passwords without showing them; from a pipe, each is a line. */
export class PasswordPrompt {
  private lines: string[] | undefined;

  constructor(private readonly output: Output) {}

  async ask(question: string): Promise<string> {
    const password = isTerminal(STDIN) ? await this.hidden(question) : await this.nextLine(question);
    if (password === "") throw new CliError("bad_data", `${question} is empty`);
    return password;
  }

  /** Asks twice on a terminal, because nobody sees what they type. */
  async askNew(question: string): Promise<string> {
    const password = await this.ask(question);
    if (!isTerminal(STDIN)) return password;
    if ((await this.hidden(`${question}, again`)) === password) return password;
    throw new CliError("bad_data", "the two passwords are not the same; nothing was changed");
  }

  private async hidden(question: string): Promise<string> {
    const ask = () => this.output.writeError(`${question} (not shown): `);
    return textOf(await readHiddenLine(ask, () => this.output.writeError("\n")));
  }

  private async nextLine(question: string): Promise<string> {
    this.lines ??= textOf(await readBytes("-", limits.maxBodyBytes))
      .replace(/\r?\n$/, "")
      .split(/\r?\n/);
    const line = this.lines.shift();
    if (line !== undefined) return line;
    throw new CliError("bad_data", `standard input has no line for: ${question}`);
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CliError("bad_data", "the password is not UTF-8 text");
  } finally {
    bytes.fill(0);
  }
}
