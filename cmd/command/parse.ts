import { type ParseArgsConfig, parseArgs } from "node:util";
import { asClause } from "../../shared/clause.ts";
import { codeOf } from "../../shared/code-of.ts";
import type { OptionTable } from "../../shared/config/options.ts";
import { nearest } from "../../shared/nearest.ts";
import { textOf } from "../../shared/text-of.ts";
import { CliError } from "../exit/failure.ts";
import type { Command } from "./command.ts";

export interface ParsedArguments {
  /** By option name, as `resolveOptions` takes them. */
  flags: Record<string, unknown>;
  positionals: string[];
  /** The words after `--`. */
  rest: string[] | undefined;
}

/** Parses the words after a command's name. Throws CliError `usage`. */
export function parseArguments(path: string, command: Command, words: readonly string[]): ParsedArguments {
  const end = words.indexOf("--");
  const own = end < 0 ? words : words.slice(0, end);
  const rest = end < 0 ? undefined : words.slice(end + 1);
  const { flags, positionals } = parseOwn(path, command, own, rest !== undefined);
  if (rest && !command.rest) {
    positionals.push(...rest);
    checkPositionals(path, command, positionals);
    return { flags, positionals, rest: undefined };
  }
  checkPositionals(path, command, positionals);
  return { flags, positionals, rest };
}

function parseOwn(path: string, command: Command, words: readonly string[], hasRest: boolean) {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      options: parseConfig(command.options),
      strict: true,
      allowPositionals: true,
    });
    return { flags: { ...values } as Record<string, unknown>, positionals };
  } catch (error) {
    if (!codeOf(error)?.startsWith("ERR_PARSE_ARGS")) throw error;
    const message = textOf(error);
    const unknown = /^Unknown option '(--?)([^']*)'/.exec(message);
    if (!unknown) throw usage(path, badValue(message));
    const [, dashes = "", name = ""] = unknown;
    if (command.rest && !hasRest && words.some((word) => !word.startsWith("-"))) {
      throw usage(path, `unknown option ${dashes}${name}`, missingDashes(path));
    }
    const near = dashes === "--" ? nearest(name, Object.keys(command.options)) : undefined;
    if (command.surplus !== undefined && near === undefined) throw usage(path, command.surplus);
    throw usage(path, `unknown option ${dashes}${name}`, near ? `Did you mean --${near}?` : undefined);
  }
}

/** What the runtime says about an option's value, in our words. */
function badValue(message: string): string {
  const option = /^Option '(?:-\w, )?(-[^' ]+)/.exec(message)?.[1] ?? "";
  const joined = option.startsWith("--") ? `${option}=` : option;
  if (message.includes("argument is ambiguous")) {
    return `${option} needs a value; write a value that begins with - as ${joined}-VALUE`;
  }
  if (message.includes("argument missing")) return `${option} needs a value`;
  if (message.includes("does not take an argument")) return `${option} takes no value`;
  return asClause(message.split("\n").join(" "));
}

function parseConfig(options: OptionTable): NonNullable<ParseArgsConfig["options"]> {
  const entries = Object.entries(options).map(([name, option]) => [
    name,
    {
      type: option.kind === "flag" ? "boolean" : "string",
      multiple: option.kind === "list",
      ...(option.short ? { short: option.short } : {}),
    },
  ]);
  return Object.fromEntries(entries);
}

function checkPositionals(path: string, command: Command, given: readonly string[]): void {
  const wanted = command.positionals ?? [];
  const missing = wanted.find((one, i) => !one.optional && given[i] === undefined);
  if (missing) throw usage(path, `${missing.name} is missing (${missing.help})`);
  if (wanted.at(-1)?.repeat || given.length <= wanted.length) return;
  if (command.surplus !== undefined) throw usage(path, command.surplus);
  const surplus = given[wanted.length] ?? "";
  const isCron = "cron" in command.options && /^(@\w+|[\d*][^ ]*( [^ ]+){4,5})$/.test(surplus);
  const hint = isCron ? `Did you mean --cron '${surplus}'?` : command.rest && missingDashes(path);
  throw usage(path, `unexpected argument ${surplus}`, hint);
}

function missingDashes(path: string): string {
  return `Put -- before the command that the job runs, for example: tanvrit-compute ${path} -- sh -c 'echo hello'`;
}

function usage(path: string, message: string, hint?: string): CliError {
  const help = `See tanvrit-compute ${path} --help`;
  return new CliError("usage", message, {
    todo: hint ? `${hint}${/[?.]$/.test(hint) ? "" : "."} ${help}` : help,
  });
}
