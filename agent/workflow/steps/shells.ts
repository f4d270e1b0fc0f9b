/** How a shell runs a script: GitHub's words, in which `{0}` is the path of the script. */
export interface Shell {
  command: string;
  /** The arguments as one text, split as Windows splits a command line. */
  format: string;
}

interface BuiltinShell {
  format: string;
  extension: string;
}

const builtin: Readonly<Record<string, BuiltinShell>> = {
  bash: { format: "--noprofile --norc -e -o pipefail {0}", extension: ".sh" },
  sh: { format: "-e {0}", extension: ".sh" },
  python: { format: "{0}", extension: ".py" },
  pwsh: { format: `-command ". '{0}'"`, extension: ".ps1" },
  powershell: { format: `-command ". '{0}'"`, extension: ".ps1" },
  cmd: { format: `/D /E:ON /V:OFF /S /C "CALL "{0}""`, extension: ".cmd" },
};

/** The shell of a step that names none, if its machine has bash or only sh. */
export function defaultShell(os: string, hasBash: boolean): Shell {
  if (os === "Windows") return { command: "pwsh", format: builtin.pwsh?.format ?? "" };
  return { command: hasBash ? "bash" : "sh", format: builtin.sh?.format ?? "" };
}

/** The shell that a step names. Throws an Error if it is neither known nor says where the script goes. */
export function shellOf(option: string): Shell {
  const [command = ""] = option.trim().split(/\s/, 1);
  const args = option.trim().slice(command.length).trim();
  const format = args === "" ? (own(command)?.format ?? "") : args;
  if (!format.includes("{0}")) {
    throw new Error(
      "Invalid shell option. Shell must be a valid built-in (bash, sh, cmd, powershell, pwsh, python) or a format string containing '{0}'",
    );
  }
  return { command, format };
}

/** The end of a script's name for this shell; "" for a shell that GitHub does not know. */
export function scriptExtension(command: string): string {
  return own(command)?.extension ?? "";
}

/** The script as GitHub writes it for this shell. */
export function scriptFor(command: string, script: string): string {
  switch (command.toLowerCase()) {
    case "cmd":
      return `@echo off\r\n${script.replace(/\r?\n/g, "\r\n")}`;
    case "pwsh":
    case "powershell":
      return (
        `$ErrorActionPreference = 'stop'\n${script}\n` +
        "if ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) { exit $LASTEXITCODE }"
      );
    default:
      return script;
  }
}

/** The arguments of a shell for a script at this path. */
export function shellArguments(format: string, scriptPath: string): string[] {
  return splitArguments(format).map((word) => word.replaceAll("{0}", scriptPath));
}

/** Splits a command line as .NET does: blanks part words, `"` holds them together, a backslash counts before `"` only. */
export function splitArguments(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const char = line[i] ?? "";
    if (char === "\\") {
      const count = /^\\+/.exec(line.slice(i))?.[0].length ?? 1;
      const beforeQuote = line[i + count] === '"';
      word = (word ?? "") + "\\".repeat(beforeQuote ? Math.floor(count / 2) : count);
      i += count - 1;
      if (beforeQuote && count % 2 === 1) {
        word += '"';
        i++;
      }
    } else if (char === '"') {
      word ??= "";
      if (quoted && line[i + 1] === '"') {
        word += '"';
        i++;
      } else quoted = !quoted;
    } else if (!quoted && (char === " " || char === "\t")) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + char;
  }
  return word === undefined ? words : [...words, word];
}

function own(command: string): BuiltinShell | undefined {
  return Object.hasOwn(builtin, command) ? builtin[command] : undefined;
}
