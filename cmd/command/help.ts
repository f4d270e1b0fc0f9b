import { type Option, type OptionTable, optionGroups } from "../../shared/config/options.ts";
import { type Look, PLAIN } from "../output/look.ts";
import { joinPainted, type Painted, paint } from "../output/paint.ts";
import type { Command, CommandEntry } from "./command.ts";

/** Lines of help are no longer than this, however wide the terminal is; a wider one is hard to read. */
const MOST_COLUMNS = 100;
/** A right column that would be narrower than this stands below the left one. */
const LEAST_TEXT = 34;
/** With fewer options than this a list is quicker to look through than headings. */
const MANY_OPTIONS = 20;

/** The help of all commands, or of those below one word as `job`. */
export function groupHelp(entries: readonly CommandEntry[], group = "", look: Look = PLAIN): Painted {
  const head = group
    ? `Usage: tanvrit-compute ${group} COMMAND`
    : "Tanvrit Compute: run jobs on your own machines.\n\nUsage: tanvrit-compute COMMAND";
  const shown = entries.filter((entry) => !entry.hidden);
  const rows = shown.map((entry): [string, string] => [entry.path, entry.summary]);
  const foot = `See tanvrit-compute ${group ? `${group} ` : ""}COMMAND --help for one command.`;
  const sections = [plain(`${head}\n`), section("Commands", table(rows, look), look)];
  return joinPainted([...sections, ...(group ? [] : general(look)), plain(`${foot}\n`)], "\n");
}

/** What counts for every command. */
function general(look: Look): Painted[] {
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

/** One list, or where there are many of them one for each group. */
function optionSections(options: OptionTable, look: Look): Painted[] {
  const help: [string, string] = ["-h, --help", "Show this help"];
  const entries = Object.entries(options);
  if (entries.length < MANY_OPTIONS || entries.every(([, { group }]) => group === undefined)) {
    return [section("Options", table([...optionRows(entries), help], look), look)];
  }
  const groups = Map.groupBy(entries, ([, option]) => option.group);
  // What is the command's own comes first.
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

/** Two columns; the right one is wrapped at the width of a page. */
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

/** Paragraphs stand between empty lines and fill the width; what is indented stays as it was written. */
function paragraphs(text: string, width: number): string {
  return text
    .split("\n\n")
    .map((part) => (/^\s/.test(part) ? part : wrap(part.replace(/\s*\n\s*/g, " "), width)))
    .join("\n\n");
}

/** Lines of whole words, each behind the indent. */
function wrap(text: string, width: number, indent = ""): string {
  const lines = Bun.wrapAnsi(text, Math.max(1, width), { hard: false, trim: true }).split("\n");
  return lines.map((line) => `${indent}${line.trimEnd()}`).join("\n");
}
