import { expect, test } from "bun:test";
import { commandHelp } from "../../cmd/command/help.ts";
import { commands } from "../../cmd/commands.ts";
import { runProgram } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";

test("the help of every command shows all its options and arguments, with variables and defaults", async () => {
  for (const entry of commands) {
    const { command } = await entry.load();
    const help = commandHelp(entry, command);
    expect(help).toContain(`tanvrit-compute ${entry.path}`);
    const words = help.replace(/\s+/g, " ");
    for (const [name, option] of Object.entries(command.options)) {
      expect(help).toContain(`--${name}`);
      expect(words).toContain(option.help);
      if (option.short) expect(help).toContain(`-${option.short}, --${name}`);
      if (option.env) expect(words).toContain(`env: ${option.env}`);
      if (option.defaultText) expect(words).toContain(`default: ${option.defaultText}`);
      if (option.fileKey) expect(words).toContain(`file: ${option.fileKey}`);
    }
    for (const one of command.positionals ?? []) expect(help).toContain(one.name);
    for (const line of help.split("\n")) expect(line.length).toBeLessThanOrEqual(120);
  }
});

test("every command answers --help on stdout and exits with 0", async () => {
  await using home = await makeScratch();
  for (const { path } of commands) {
    const run = await runProgram(home.path, [...path.split(" "), "--help"]);
    expect({ path, ...run }).toMatchObject({ path, exitCode: 0, stderr: "" });
    expect(run.stdout).toContain(`Usage: tanvrit-compute ${path}`);
  }
});

test("groups and the program itself list their commands", async () => {
  await using home = await makeScratch();
  const all = await runProgram(home.path, ["--help"]);
  for (const { path, summary, hidden } of commands) {
    if (hidden) expect(all.stdout).not.toContain(path);
    else expect(all.stdout).toContain(summary && path);
  }
  const job = await runProgram(home.path, ["help", "job"]);
  expect(job.exitCode).toBe(0);
  expect(job.stdout).toContain("job submit");
  expect(job.stdout).not.toContain("node list");
});

test("words that are not understood are 64 on stderr, with the nearest name", async () => {
  await using home = await makeScratch();
  const cases: [string[], RegExp][] = [
    [[], /a command is missing/],
    [["job"], /job: a command is missing/],
    [["jbo", "list"], /unknown command jbo list\. Did you mean job list\?/],
    [["job", "sumbit"], /Did you mean job submit\?/],
    [["job", "list", "--jsn"], /unknown option --jsn\. Did you mean --json\?/],
    [["job", "get"], /JOB is missing/],
    [["job", "get", "a", "b"], /unexpected argument b/],
    [["job", "cancel", ""], /no job was named|is empty/],
    [["--frobnicate"], /unknown option --frobnicate/],
    [
      ["job", "--json", "list"],
      /options go after the name of a command.*See tanvrit-compute job list --help/,
    ],
    [["--json", "agent", "status"], /options go after the name of a command/],
    [["job", "list", "--url", "nowhere"], /--url: must be a URL/],
  ];
  for (const [args, stderr] of cases) {
    const run = await runProgram(home.path, args);
    expect({ args, ...run }).toMatchObject({ args, exitCode: 64, stdout: "" });
    expect(run.stderr).toMatch(stderr);
  }
});

test("--version prints name and version", async () => {
  await using home = await makeScratch();
  const run = await runProgram(home.path, ["--version"]);
  expect(run).toEqual({ exitCode: 0, stdout: "tanvrit-compute 0.1.0\n", stderr: "" });
});
