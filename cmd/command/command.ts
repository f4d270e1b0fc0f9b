import type { Env } from "../../shared/config/home.ts";
import type { OptionSources, OptionTable, OptionValues } from "../../shared/config/options.ts";
import type { Output } from "../output/output.ts";

/** One row of the command table; what it takes to run is loaded when it is called. */
export interface CommandEntry {
  /** As it is typed: `job submit`. */
  path: string;
  /** One line for the list of commands. */
  summary: string;
  /** Started by another command, not by people: no list shows it. */
  hidden?: true;
  load(): Promise<{ command: Command }>;
}

export interface Positional {
  /** As the help shows it, in capitals. */
  name: string;
  help: string;
  optional?: boolean;
  /** May be given again and again; only the last one. */
  repeat?: boolean;
}

export interface Command<Table extends OptionTable = OptionTable> {
  /** Every option but `--help`. */
  options: Table;
  positionals?: readonly Positional[];
  /** What stands behind `--`, if this command takes anything there; the text explains it. */
  rest?: { name: string; help: string };
  /** Whole command lines, without the program's name, and what they do. */
  examples: readonly { line: string; does: string }[];
  /** More for the help, below the options. */
  details?: string;
  /** Reads the config file that options with a `fileKey` come from. */
  readConfig?(flags: Readonly<Record<string, unknown>>, env: Env): Promise<OptionSources["file"] | undefined>;
  /** Resolves with the exit code. */
  run(invocation: Invocation<Table>): Promise<number>;
}

export interface Invocation<Table extends OptionTable = OptionTable> extends Settings<Table> {
  positionals: string[];
  /** What stood behind `--`; undefined where there was no `--`. */
  rest: string[] | undefined;
  env: Env;
  output: Output;
  /** The whole command table, for a command that speaks of the others. */
  commands: readonly CommandEntry[];
  /** Reads the config file anew, for a command that goes on while its owner changes it. Throws as at the start. */
  readAgain(): Promise<Settings<Table>>;
}

/** What the command line, the environment and the config file say together. */
export interface Settings<Table extends OptionTable = OptionTable> {
  options: OptionValues<Table>;
  /** What `readConfig` found, checked by its schema. */
  config: unknown;
  /** Where it was found; undefined: there is no such file. */
  configPath: string | undefined;
}

/** Types `run` by the options; the table holds commands of every kind. */
export function defineCommand<const Table extends OptionTable>(command: Command<Table>): Command {
  return command as unknown as Command;
}
