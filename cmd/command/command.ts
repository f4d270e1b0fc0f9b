import type { Env } from "../../shared/config/home.ts";
import type { OptionSources, OptionTable, OptionValues } from "../../shared/config/options.ts";
import type { Output } from "../output/output.ts";

/** One row of the command table. The command's code is loaded only when it is called. */
export interface CommandEntry {
  /** The words a person types: `job submit`. */
  path: string;
  /** One line for the list of commands. */
  summary: string;
  /** Started by another command, not by people, so no list shows it. */
  hidden?: true;
  load(): Promise<{ command: Command }>;
}

export interface Positional {
  /** The name that help shows, in capitals. */
  name: string;
  help: string;
  optional?: boolean;
  /** May be repeated. Only for the last positional. */
  repeat?: boolean;
}

export interface Command<Table extends OptionTable = OptionTable> {
  /** Every option except `--help`. */
  options: Table;
  positionals?: readonly Positional[];
  /** What to say about an argument too many, or one that is an unknown option, if it may be a secret; absent: it is shown. */
  surplus?: string;
  /** What follows `--`, if the command takes anything there; `help` explains it. */
  rest?: { name: string; help: string };
  /** Full command lines without the program's name, and what each does. */
  examples: readonly { line: string; does: string }[];
  /** More help text, printed below the options. */
  details?: string;
  /** Reads the config file that holds the options with a `fileKey`. */
  readConfig?(flags: Readonly<Record<string, unknown>>, env: Env): Promise<OptionSources["file"] | undefined>;
  /** Resolves with the exit code. */
  run(invocation: Invocation<Table>): Promise<number>;
}

export interface Invocation<Table extends OptionTable = OptionTable> extends Settings<Table> {
  positionals: string[];
  /** The words after `--`; undefined when there was no `--`. */
  rest: string[] | undefined;
  env: Env;
  output: Output;
  /** The whole command table, for commands that list the others. */
  commands: readonly CommandEntry[];
  /** Reads the config file again, for a command that runs on while its owner edits it. Throws like the first read. */
  readAgain(): Promise<Settings<Table>>;
}

/** Settings merged from the command line, the environment and the config file. */
export interface Settings<Table extends OptionTable = OptionTable> {
  options: OptionValues<Table>;
  /** The content that `readConfig` returned, checked by its schema. */
  config: unknown;
  /** The config file's path; undefined when there is no such file. */
  configPath: string | undefined;
}

/** Types `run` by the command's options. The table holds commands with any options. */
export function defineCommand<const Table extends OptionTable>(command: Command<Table>): Command {
  return command as unknown as Command;
}
