import type { Option, OptionTable } from "../shared/config/options.ts";
import type { Command, CommandEntry } from "./command.ts";

const WIDTH = 100;

/** The help of all commands, or of those below one word as `job`. */
export function groupHelp(entries: readonly CommandEntry[], group = ""): string {
  const head = group
    ? `Usage: tanvrit-compute ${group} COMMAND`
    : "Tanvrit Compute: run jobs on your own machines.\n\nUsage: tanvrit-compute COMMAND";
  const shown = entries.filter((entry) => !entry.hidden);
  const rows = shown.map((entry): [string, string] => [entry.path, entry.summary]);
  const foot = `See tanvrit-compute ${group ? `${group} ` : ""}COMMAND --help for one command.`;
  return `${head}\n\nCommands:\n${table(rows)}${group ? "" : general()}\n${foot}\n`;
}

/** What counts for every command. */
function general(): string {
  const variables: [string, string][] = [
    [
      "TANVRIT_HOME",
      "Where settings, sign-ins, the server's data and the agent's work are kept (default: ~/.tanvrit)",
    ],
    ["TANVRIT_WORKSPACE", "The workspace to use, as --workspace"],
    ["TANVRIT_URL", "The server's URL, as --url"],
    ["TANVRIT_TOKEN", "An access token to use in place of a sign-in, as auth print-token prints it"],
  ];
  const codes: [string, string][] = [
    [
      "a job's",
      "job run, job wait, and job submit and template run with --wait or --follow exit as the job did",
    ],
    ["128 + n", "The job was ended by signal n"],
    ["124, 130", "The job reached its time limit; it was cancelled, or left by Ctrl-C"],
    ["64, 65, 66", "Wrong usage; wrong data; not found"],
    ["69, 75", "The server cannot be reached; try again later"],
    ["77, 78", "Not signed in, or not allowed; wrong configuration"],
    ["70, 74", "A mistake in this program or the server; output or state that cannot be written"],
    [
      "1",
      "A job failed without a code or could not be made, server check or --dry-run says no, or an agent cannot go on",
    ],
  ];
  const options = table([
    ["-h, --help", "Show this help"],
    ["-v, --version", "Print the version"],
  ]);
  return `\nOptions:\n${options}\nEnvironment:\n${table(variables)}\nExit codes:\n${table(codes)}`;
}

export function commandHelp(entry: CommandEntry, command: Command): string {
  const sections = [`${entry.summary}.\n\n${usageLine(entry.path, command)}\n`];
  const positionals = [...(command.positionals ?? []), ...(command.rest ? [command.rest] : [])];
  if (positionals.length > 0) {
    sections.push(`Arguments:\n${table(positionals.map((one) => [one.name, one.help]))}`);
  }
  sections.push(`Options:\n${table(optionRows(command.options))}`);
  if (command.details) sections.push(`${command.details.trim()}\n`);
  const examples = command.examples.map((one) => `  # ${one.does}\n  tanvrit-compute ${one.line}\n`);
  if (examples.length > 0) sections.push(`Examples:\n${examples.join("")}`);
  return sections.join("\n");
}

export function usageLine(path: string, command: Command): string {
  const words = ["tanvrit-compute", path, "[OPTIONS]"];
  for (const one of command.positionals ?? []) {
    const word = one.repeat ? `${one.name}…` : one.name;
    words.push(one.optional ? `[${word}]` : word);
  }
  if (command.rest) words.push("--", command.rest.name);
  return `Usage: ${words.join(" ")}`;
}

function optionRows(options: OptionTable): [string, string][] {
  const rows = Object.entries(options).map(([name, option]): [string, string] => {
    const short = option.short ? `-${option.short}, ` : "";
    const value = option.kind === "flag" ? "" : ` ${option.placeholder ?? "VALUE"}`;
    return [`${short}--${name}${value}`, optionText(option)];
  });
  return [...rows, ["-h, --help", "Show this help"]];
}

function optionText(option: Option): string {
  const more = [
    option.kind === "list" ? "may be repeated" : "",
    option.defaultText ? `default: ${option.defaultText}` : "",
    option.env ? `env: ${option.env}` : "",
    option.fileKey ? `file: ${option.fileKey}` : "",
  ].filter(Boolean);
  return more.length > 0 ? `${option.help} (${more.join("; ")})` : option.help;
}

/** Two columns; the right one is wrapped at the width of a page. */
function table(rows: readonly (readonly [string, string])[]): string {
  const left = Math.min(34, Math.max(...rows.map(([name]) => name.length)));
  const indent = " ".repeat(left + 4);
  return rows
    .map(([name, text]) => {
      const lines = wrap(text, WIDTH - indent.length);
      const first = name.length > left ? `  ${name}\n${indent}` : `  ${name.padEnd(left)}  `;
      return `${first}${lines.join(`\n${indent}`)}\n`;
    })
    .join("");
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line ? `${line} ${word}` : word;
    }
  }
  return [...lines, line];
}
