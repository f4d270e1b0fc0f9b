import type { CommandEntry } from "./command.ts";
import { CliError } from "./failure.ts";
import { groupHelp } from "./help.ts";
import { nearest } from "./nearest.ts";
import type { Output } from "./output.ts";

/** Words that name no single command: help where it was asked for, a usage error where not. */
export async function showGroup(
  commands: readonly CommandEntry[],
  words: readonly string[],
  output: Output,
): Promise<number> {
  const asked = words.some((word) => word === "--help" || word === "-h" || word === "help");
  const names = words.filter((word) => !word.startsWith("-") && word !== "help");
  const group = names[0] ?? "";
  const members = commands.filter((entry) => group === "" || entry.path.startsWith(`${group} `));
  if (members.length > 0 && names.length <= 1) {
    const help = groupHelp(members, group);
    if (asked) {
      await output.write(help);
      return 0;
    }
    const flag = words.find((word) => word.startsWith("-"));
    if (flag === undefined) {
      await output.writeError(help);
      throw new CliError("usage", `${group ? `${group}: ` : ""}a command is missing`);
    }
    throw new CliError("usage", `unknown option ${flag}`, { todo: "See tanvrit-compute --help" });
  }
  throw unknownCommand(commands, names);
}

function unknownCommand(commands: readonly CommandEntry[], names: readonly string[]): CliError {
  const typed = names.slice(0, 2).join(" ");
  const known = commands.find(({ path }) => path === typed || path === names[0]);
  if (known) {
    return new CliError("usage", `options stand behind the name of a command, not before or inside it`, {
      todo: `See tanvrit-compute ${known.path} --help`,
    });
  }
  const paths = commands.filter((entry) => !entry.hidden).map((entry) => entry.path);
  const groups = paths.map((path) => path.split(" ")[0] ?? "");
  const near = nearest(typed, [...paths, ...groups]);
  const group = groups.includes(names[0] ?? "") ? `${names[0]} ` : "";
  const help = `See tanvrit-compute ${group}--help`;
  return new CliError("usage", `unknown command ${typed}`, {
    todo: near ? `Did you mean ${near}? ${help}` : help,
  });
}
