import { basename } from "node:path/posix";

/** Programs that take program text as an argument, and the flags before it. */
const INTERPRETERS: readonly { name: RegExp; flag: RegExp }[] = [
  { name: /^(sh|bash|dash|ash|ksh|zsh|fish|busybox)$/, flag: /^-\w*c$/ },
  { name: /^(python[\d.]*|pypy[\d.]*)$/, flag: /^-\w*c$/ },
  { name: /^(perl|ruby|lua|osascript)[\d.]*$/, flag: /^-\w*[eE]$/ },
  { name: /^(node|bun|deno)$/, flag: /^(-e|-p|-pe|--eval|--print)$/ },
  { name: /^php[\d.]*$/, flag: /^-r$/ },
  { name: /^(pwsh|powershell)$/i, flag: /^-(c|command)$/i },
  { name: /^cmd(\.exe)?$/i, flag: /^\/[ck]$/i },
];

/** Reads the words of a command and says whether the next word is program text, as in `sh -c TEXT`. */
export class CommandWords {
  private hasEval = false;
  private readonly called = new Set<RegExp>();
  private last: string | undefined;

  push(word: string): void {
    const program = this.last === undefined ? "" : basename(this.last);
    for (const { name, flag } of INTERPRETERS) {
      if (name.test(program)) this.called.add(flag);
    }
    if (word === "eval") this.hasEval = true;
    this.last = word;
  }

  get nextIsProgram(): boolean {
    const { last } = this;
    if (this.hasEval || last === undefined) return this.hasEval;
    return INTERPRETERS.some(({ flag }) => this.called.has(flag) && flag.test(last));
  }
}
