import { expect, test } from "bun:test";
import { commandIn } from "./commands.ts";

test("commands of GitHub Actions and Azure Pipelines are read", () => {
  expect(commandIn("::group::Build it")).toEqual({ kind: "group", title: "Build it" });
  expect(commandIn("##[group]Build it")).toEqual({ kind: "group", title: "Build it" });
  expect(commandIn("\x1b[36m::endgroup::\x1b[0m")).toEqual({ kind: "endgroup" });
  expect(commandIn("::error::a: b")).toEqual({ kind: "note", level: "error", message: "a: b" });
  expect(commandIn("::warning file=src/a.ts,line=3,title=Odd%2C yes::100%25")).toEqual({
    ...{ kind: "note", level: "warning", place: "src/a.ts:3" },
    message: "Odd, yes: 100%",
  });
  expect(commandIn("##[command]npm ci")).toEqual({ kind: "command", message: "npm ci" });
});

test("other lines are no commands", () => {
  for (const text of [
    "",
    "::",
    "::1",
    "a ::error::b",
    "::set-output name=x::y",
    "##[x",
    "# title",
    ":: error",
  ]) {
    expect(commandIn(text)).toBeUndefined();
  }
});
