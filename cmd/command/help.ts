import { type Option, type OptionTable, optionGroups } from "../../shared/config/options.ts";
import { type Look, PLAIN } from "../output/look.ts";
import { joinPainted, type Painted, paint } from "../output/paint.ts";
import type { Command, CommandEntry } from "./command.ts";

/** Help lines are at most this long, however wide the terminal is: longer lines are hard to read. */
const MOST_COLUMNS = 100;
/** If the right column would be narrower than this, it goes below the left one. */
const LEAST_TEXT = 34;
/** With fewer options than this, a plain list is quicker to scan than headings. */
const MANY_OPTIONS = 20;

/** The help of all commands, or of the group under one word such as `job`. */
export function groupHelp(entries: readonly CommandEntry[], group = "", look: Look = PLAIN): Painted {
  const head = group
    ? `Usage: tanvrit-compute ${group} COMMAND`
    : "Tanvrit Compute: run jobs on your own machines.\n\nUsage: tanvrit-compute COMMAND";
  const shown = entries.filter((entry) => !entry.hidden);
  const rows = shown.map((entry): [string, string] => [entry.path, entry.summary]);
  const foot = `See tanvrit-compute ${group ? `${group} ` : ""}COMMAND --help for details of a command.`;
  const sections = [plain(`${head}\n`), section("Commands", table(rows, look), look)];
  return joinPainted([...sections, ...(group ? [] : general(look)), plain(`${foot}\n`)], "\n");
}

/** What applies to every command. */
function general(look: Look): Painted[] {
  const variables: [string, string][] = [
    [
      "TANVRIT_HOME",
      "Directory for settings, sign-ins, the server's data and the agent's work (default: ~/.tanvrit)",
    ],
    ["TANVRIT_WORKSPACE", "The workspace to use, like --workspace"],
    ["TANVRIT_URL", "The server's URL, like --url"],
    ["TANVRIT_TOKEN", "An access token, from auth print-token, to use instead of a sign-in"],
    [
      "TANVRIT_TOKEN_FILE",
      "A file with an access token or an API key to use instead, read again when it changes",
    ],
    ["TANVRIT_API_KEY", "An API key to use instead of a sign-in"],
  ];
  const codes: [string, string][] = [
    [
      "a job's",
      "job run and job wait, and job submit and template run with --wait or --follow, exit as the job did",
    ],
    ["128 + n", "Signal n ended the job"],
    ["124, 130", "The job reached its time limit; it was cancelled, or Ctrl-C ended the wait"],
    ["64, 65, 66", "Wrong usage; invalid data; not found"],
    ["69, 75", "The server cannot be reached; try again later"],
    ["77, 78", "Not signed in, or not allowed; wrong configuration"],
    ["70, 74", "A bug in this program or the server; output or state cannot be written"],
    [
      "1",
      "A job failed without a code or could not be created, server check or --dry-run found a problem, or an agent cannot continue",
    ],
  ];
  const options: [string, string][] = [
    ["-h, --help", "Show this help"],
    ["-v, --version", "Print the version"],
  ];
  return [
    section("Options", table(options, look), look),
    section("Environment", table(variables, look), look),
    section("Exit codes", table(codes, look), look),
  ];
}

export function commandHelp(entry: CommandEntry, command: Command, look: Look = PLAIN): Painted {
  const sections = [plain(`${entry.summary}.\n\n${usageLine(entry.path, command)}\n`)];
  const positionals = [...(command.positionals ?? []), ...(command.rest ? [command.rest] : [])];
  if (positionals.length > 0) {
    const rows = positionals.map((one): [string, string] => [one.name, one.help]);
    sections.push(section("Arguments", table(rows, look), look));
  }
  sections.push(...optionSections(command.options, look));
  if (command.details) sections.push(plain(`${paragraphs(command.details.trim(), widthOf(look))}\n`));
  const examples = command.examples.map(
    (one) => `${wrap(one.does, widthOf(look) - 4, "  # ")}\n  tanvrit-compute ${one.line}\n`,
  );
  if (examples.length > 0) sections.push(section("Examples", examples.join(""), look));
  return joinPainted(sections, "\n");
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

/** One list; with many options, one list per group. */
function optionSections(options: OptionTable, look: Look): Painted[] {
  const help: [string, string] = ["-h, --help", "Show this help"];
  const entries = Object.entries(options);
  if (entries.length < MANY_OPTIONS || entries.every(([, { group }]) => group === undefined)) {
    return [section("Options", table([...optionRows(entries), help], look), look)];
  }
  const groups = Map.groupBy(entries, ([, option]) => option.group);
  // The command's own options come first.
  const shown = [undefined, ...optionGroups].filter((name) => groups.has(name));
  return shown.map((name, i) => {
    const rows = optionRows(groups.get(name) ?? []);
    if (i === shown.length - 1) rows.push(help);
    return section(name ?? "Options", table(rows, look), look);
  });
}

function optionRows(options: readonly [string, Option][]): [string, string][] {
  return options.map(([name, option]): [string, string] => {
    const short = option.short ? `-${option.short}, ` : "";
    const value = option.kind === "flag" ? "" : ` ${option.placeholder ?? "VALUE"}`;
    return [`${short}--${name}${value}`, optionText(option)];
  });
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

function section(heading: string, text: string, look: Look): Painted {
  return joinPainted([paint(`${heading}:`, "bold", look), plain(text)], "\n");
}

function plain(text: string): Painted {
  return paint(text, undefined, PLAIN);
}

function widthOf(look: Look): number {
  return Math.min(look.columns ?? MOST_COLUMNS, MOST_COLUMNS);
}

/** Two columns. The right one wraps at the page width. */
function table(rows: readonly (readonly [string, string])[], look: Look): string {
  const left = Math.min(34, Math.max(...rows.map(([name]) => name.length)));
  const isNarrow = widthOf(look) - left - 4 < LEAST_TEXT;
  const indent = " ".repeat(isNarrow ? 6 : left + 4);
  return rows
    .map(([name, text]) => {
      const right = wrap(text, widthOf(look) - indent.length, indent);
      const isBelow = isNarrow || name.length > left;
      return isBelow ? `  ${name}\n${right}\n` : `  ${name.padEnd(left)}  ${right.trimStart()}\n`;
    })
    .join("");
}

/** Refills paragraphs, which empty lines separate, to the width. Indented text stays unchanged. */
function paragraphs(text: string, width: number): string {
  return text
    .split("\n\n")
    .map((part) => (/^\s/.test(part) ? part : wrap(part.replace(/\s*\n\s*/g, " "), width)))
    .join("\n\n");
}

/** Lines of whole words, each after the indent. */
function wrap(text: string, width: number, indent = ""): string {
  const lines = Bun.wrapAnsi(text, Math.max(1, width), { hard: false, trim: true }).split("\n");
  return lines.map((line) => `${indent}${line.trimEnd()}`).join("\n");
}
