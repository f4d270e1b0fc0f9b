import { nearest } from "../../shared/nearest.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";
import type { CommandEntry } from "./command.ts";
import { groupHelp } from "./help.ts";

/** For words that name no single command: prints help if it was asked for, else throws a usage error. */
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
    if (asked) {
      await output.write(groupHelp(members, group, output.resultLook));
      return 0;
    }
    const flag = words.find((word) => word.startsWith("-"));
    if (flag === undefined) {
      await output.writeError(groupHelp(members, group, output.noteLook));
      throw new CliError("usage", `${group ? `${group}: ` : ""}a command is missing`);
    }
    throw new CliError("usage", `unknown option ${flag}`, { todo: "See tanvrit-compute --help" });
  }
  throw unknownCommand(commands, names);
}

/** What people type who are used to other tools. */
const MEANT: ReadonlyMap<string, string> = new Map(
  Object.entries({
    apply: "job submit --file",
    cancel: "job cancel",
    exec: "job run",
    get: "job get",
    jobs: "job list",
    kill: "job cancel",
    list: "job list",
    login: "auth login",
    logout: "auth logout",
    logs: "job logs",
    nodes: "node list",
    ps: "job list",
    run: "job run",
    schedules: "schedule list",
    secrets: "secret list",
    start: "job submit",
    status: "job list",
    stop: "job cancel",
    submit: "job submit",
    switch: "auth switch",
    templates: "template list",
    wait: "job wait",
    whoami: "auth status",
  }),
);

function unknownCommand(commands: readonly CommandEntry[], names: readonly string[]): CliError {
  const typed = names.slice(0, 2).join(" ");
  const known = commands.find(({ path }) => path === typed || path === names[0]);
  if (known) {
    return new CliError("usage", "options go after the name of a command, not before or inside it", {
      todo: `See tanvrit-compute ${known.path} --help`,
    });
  }
  const paths = commands.filter((entry) => !entry.hidden).map((entry) => entry.path);
  const groups = paths.map((path) => path.split(" ")[0] ?? "");
  const near = MEANT.get(names[0] ?? "") ?? nearest(typed, [...paths, ...groups]);
  const group = groups.includes(names[0] ?? "") ? `${names[0]} ` : "";
  const help = `See tanvrit-compute ${group}--help`;
  return new CliError("usage", `unknown command ${typed}`, {
    todo: near ? `Did you mean ${near}? ${help}` : help,
  });
}
