import { expect, test } from "bun:test";
import { commandHelp } from "../../cmd/command/help.ts";
import { commands } from "../../cmd/commands.ts";
import { runProgram } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";
import { TestServer } from "../support/server.ts";
import { runInTerminal } from "../support/terminal.ts";

const ESC = "\u001b";

test("help is as wide as the terminal, up to 100 columns, and breaks no word", async () => {
  await using home = await makeScratch();
  for (const columns of [80, 90, 140]) {
    const { exitCode, shown } = await runInTerminal(home.path, ["job", "run", "--help"], { columns });
    expect(exitCode).toBe(0);
    const lines = Bun.stripANSI(shown).split("\n");
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(Math.min(columns, 100));
    expect(shown).toContain("gpu.memoryMb>=24000,os");
  }
});

test("the lines of every help fit 80 columns, except calls that are meant to be copied", async () => {
  const look = { columns: 80, color: false };
  for (const entry of commands) {
    const { command } = await entry.load();
    const lines = commandHelp(entry, command, look).split("\n");
    const long = lines.filter(
      (line) => line.length > 80 && !/^( {2}tanvrit-compute|Usage:|\s{4}\S)/.test(line),
    );
    expect({ path: entry.path, long }).toEqual({ path: entry.path, long: [] });
  }
});

test("the many options of a job are listed under headings, each once", async () => {
  const entry = commands.find(({ path }) => path === "job run");
  const { command } = (await entry?.load()) ?? {};
  if (!entry || !command) throw new Error("there is no job run");
  const help = commandHelp(entry, command);
  const headings = ["What it runs:", "Where it runs:", "Limits and retries:", "Containers:", "Connection:"];
  const places = headings.map((heading) => help.indexOf(`\n${heading}\n`));
  expect(places.every((place) => place > 0)).toBe(true);
  expect(places.toSorted((a, b) => a - b)).toEqual(places);
  for (const [name, option] of Object.entries(command.options)) {
    expect({ name, group: option.group }).toEqual({ name, group: expect.any(String) });
    expect(help.match(new RegExp(`^  (-\\w, )?--${name}( |$)`, "gm"))).toHaveLength(1);
  }
});

test("a terminal gets colours unless they are turned off; a pipe only if they are forced", async () => {
  await using home = await makeScratch();
  const args = ["workspace", "list"];
  const inTerminal = async (env: Record<string, string>) => {
    const { shown } = await runInTerminal(home.path, args, { columns: 80, env });
    return shown.includes(ESC);
  };
  const onPipe = async (env: Record<string, string>) => {
    const { stdout } = await runProgram(home.path, args, { env: { FORCE_COLOR: "", ...env } });
    return stdout.includes(ESC);
  };
  expect(await inTerminal({})).toBe(true);
  expect(await inTerminal({ NO_COLOR: "" })).toBe(true);
  expect(await inTerminal({ NO_COLOR: "1" })).toBe(false);
  expect(await inTerminal({ TERM: "dumb" })).toBe(false);
  expect(await inTerminal({ FORCE_COLOR: "0" })).toBe(false);
  expect(await onPipe({ NO_COLOR: "" })).toBe(false);
  expect(await onPipe({ FORCE_COLOR: "1" })).toBe(true);
});

test("JSON has no colours, neither on a terminal nor when they are forced", async () => {
  await using home = await makeScratch();
  const env = { FORCE_COLOR: "1" };
  const list = await runInTerminal(home.path, ["workspace", "list", "--json"], { columns: 80, env });
  const refused = await runInTerminal(home.path, ["workspace", "list", "--json", "--x"], {
    columns: 80,
    env,
  });
  expect(list.shown + refused.shown).not.toContain(ESC);
  expect(refused.exitCode).toBe(64);
});

test("an error shows the name of the program in red, and nothing else in colour", async () => {
  await using home = await makeScratch();
  const { shown } = await runInTerminal(home.path, ["job", "lst"], { columns: 80 });
  expect(shown).toStartWith(`${ESC}[31mtanvrit-compute:${ESC}[0m unknown command`);
});

test("on a terminal, the server says where its portal is; in a log it says only where it listens", async () => {
  await using home = await makeScratch();
  const args = ["server", "--port", "0", "--data-dir", home.join("data")];
  const typed = { after: "opens it signed in", keys: "\x03" };
  const { exitCode, shown } = await runInTerminal(home.path, args, { columns: 200, typed });
  const [, url = "none"] = /listening on (\S+)/.exec(shown) ?? [];
  expect(shown).toContain(
    `the portal is at ${url}/: tanvrit-compute auth open --url ${url} opens it signed in`,
  );
  expect(exitCode).toBe(0);
  await using server = await TestServer.start();
  expect(server.stderr).not.toContain("portal");
});
