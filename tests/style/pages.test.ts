import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import { parseArguments } from "../../cmd/command/parse.ts";
import { commands } from "../../cmd/commands.ts";
import { exitCodes } from "../../cmd/exit/exit-codes.ts";
import { filesBelow, pagesAndSources, root, type SourceFile } from "./source.ts";

const INDEX = "docs/decisions/README.md";
const DECISION_PARTS = "Context, Decision, Why, What it costs, What would change it";
const REFERENCE = "docs/guides/variables-and-exit-codes.md";

test("the index lists every decision", () => {
  const pages = filesBelow("docs/decisions", ".md");
  const index = pages.find((page) => page.path === INDEX)?.text ?? "";
  const decisions = pages.map((page) => page.path).filter((path) => path !== INDEX);
  expect(decisions.length).toBeGreaterThan(0);
  expect(missingFrom(index, decisions)).toEqual([]);
});

test("a decision that is not in the index is found", () => {
  expect(
    missingFrom("- [0001](0001-a.md)", ["docs/decisions/0001-a.md", "docs/decisions/0002-b.md"]),
  ).toEqual(["docs/decisions/0002-b.md"]);
});

test("every decision has its parts, in order", () => {
  const decisions = filesBelow("docs/decisions", ".md").filter(({ path }) => path !== INDEX);
  expect(decisions.flatMap(partsOutOfPlace)).toEqual([]);
});

test("a decision that lacks a part is found", () => {
  const text = "# 0001 A\n\n## Context\n\n## Decision\n\n## What it costs\n\n## What would change it\n";
  expect(partsOutOfPlace({ path: "docs/decisions/0001-a.md", text })).toEqual([
    "docs/decisions/0001-a.md has the parts: Context, Decision, What it costs, What would change it",
  ]);
});

test("every link between pages resolves", () => {
  const pages = pagesAndSources().filter((file) => file.path.endsWith(".md"));
  expect(pages.flatMap(brokenLinks)).toEqual([]);
});

test("a broken link is found", () => {
  const page = {
    path: "docs/x.md",
    text: "[a](nowhere.md) [b](https://example.org/x) [c](#part) [d](../package.json#x)",
  };
  expect(brokenLinks(page)).toEqual(["docs/x.md links to nowhere.md"]);
});

test("every file and room that a page names exists", () => {
  const pages = pagesAndSources().filter(({ path }) => path.endsWith(".md"));
  expect(pages.flatMap(pathsOf).length).toBeGreaterThan(10);
  expect(pages.flatMap(missingPaths)).toEqual([]);
});

test("a path that does not exist is found", () => {
  const page = {
    path: "docs/x.md",
    text: "`cmd/main.ts`, `server/nowhere.ts`, `agent/nowhere/` and `agent run`",
  };
  expect(missingPaths(page)).toEqual([
    "docs/x.md names server/nowhere.ts, which does not exist",
    "docs/x.md names agent/nowhere/, which does not exist",
  ]);
});

test("every variable and every exit code is documented on its page", () => {
  const page = filesBelow("docs/guides", ".md").find(({ path }) => path === REFERENCE)?.text ?? "";
  const ours = pagesAndSources().filter(
    ({ path }) => /^(agent|cmd|server|shared)\//.test(path) && !path.endsWith(".test.ts"),
  );
  const variables = new Set(ours.flatMap(({ text }) => text.match(/\bTANVRIT_[A-Z]+(_[A-Z]+)*\b/g) ?? []));
  expect(variables.size).toBeGreaterThan(10);
  expect([...variables].filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  expect(Object.values(exitCodes).filter((code) => !page.includes(`| ${code} `))).toEqual([]);
});

test("the program accepts every call on a page and in the examples of help", async () => {
  const examples = await Promise.all(commands.map(async (entry) => (await entry.load()).command.examples));
  const pages = pagesAndSources().filter(({ path }) => /^(README|docs\/guides\/)/.test(path));
  const calls = [
    ...examples.flat().map(({ line }) => `tanvrit-compute ${line}`),
    ...pages.flatMap(({ text }) => callsOf(text)),
    ...filesBelow("docs/examples", ".service").flatMap(({ text }) => callsOfUnit(text)),
    ...filesBelow("docs/examples", ".plist").map(({ text }) => callOfPlist(text)),
  ];
  expect(calls.length).toBeGreaterThan(120);
  const wrong = await Promise.all(calls.map(async (call) => ({ call, why: await whyRefused(call) })));
  expect(wrong.filter(({ why }) => why !== undefined)).toEqual([]);
});

test("calls in service files are found", () => {
  expect(callsOfUnit("ExecStart=/usr/local/bin/tanvrit-compute agent run\nExecReload=/bin/kill")).toEqual([
    "tanvrit-compute agent run",
  ]);
  const [plist] = filesBelow("docs/examples", ".plist");
  expect(callOfPlist(plist?.text ?? "")).toBe("tanvrit-compute agent run");
});

test("a call that the program does not accept is found", async () => {
  expect(
    callsOf("    $(tanvrit-compute job get \\\n      --jsn $id) | jq\ntext `tanvrit-compute x`"),
  ).toEqual(["tanvrit-compute job get --jsn $id) | jq"]);
  expect(await whyRefused("tanvrit-compute job get --jsn $id) | jq")).toContain("--jsn");
  expect(await whyRefused("tanvrit-compute jbo get $id")).toContain("no command");
  expect(await whyRefused("tanvrit-compute job logs -f $id && echo a b")).toBeUndefined();
});

/** The calls in the code blocks of a page; a continued line counts as one call. */
function callsOf(text: string): string[] {
  const blocks = text
    .replace(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line.startsWith("    "));
  return blocks.flatMap((line) => /tanvrit-compute [a-z].*/.exec(line)?.[0] ?? []);
}

/** The commands that a systemd unit runs. */
function callsOfUnit(text: string): string[] {
  return [...text.matchAll(/^Exec\w+=.*\/(tanvrit-compute .*)$/gm)].map(([, call]) => call ?? "");
}

/** The command that launchd starts. */
function callOfPlist(text: string): string {
  const words = [
    ...(/ProgramArguments[\s\S]*?<\/array>/.exec(text)?.[0] ?? "").matchAll(/<string>(.*)<\/string>/g),
  ];
  return words.map(([, word]) => posix.basename(word ?? "")).join(" ");
}

async function whyRefused(call: string): Promise<string | undefined> {
  const words = wordsOf(call).slice(1);
  // The longest name wins: `server check` is not `server`.
  const named = (count: number) => commands.find(({ path }) => path === words.slice(0, count).join(" "));
  const entry = named(3) ?? named(2) ?? named(1);
  if (!entry) return "no command";
  const { command } = await entry.load();
  try {
    parseArguments(entry.path, command, words.slice(entry.path.split(" ").length));
  } catch (error) {
    return String(error);
  }
  return undefined;
}

/** The words of the first command on a line, split as a shell splits them. */
function wordsOf(line: string): string[] {
  const words = line.match(/(?:'[^']*'|"[^"]*"|\$\([^)]*\)|[^\s'";|&>)#])+|[;|&>)#]/g) ?? [];
  const end = words.findIndex((word) => /^[;|&>)#]$/.test(word));
  return (end < 0 ? words : words.slice(0, end)).map((word) => word.replace(/['"]/g, ""));
}

function missingFrom(index: string, paths: string[]): string[] {
  return paths.filter((path) => !index.includes(`(${posix.basename(path)})`));
}

function partsOutOfPlace({ path, text }: SourceFile): string[] {
  const parts = [...text.matchAll(/^## (.+)$/gm)].map((match) => match[1] ?? "").join(", ");
  return parts === DECISION_PARTS ? [] : [`${path} has the parts: ${parts}`];
}

/** The files and rooms of this repository that a page names. */
function pathsOf({ text }: SourceFile): string[] {
  const paths = text.matchAll(/`((?:agent|bench|cmd|docs|sdk|server|shared|tests)\/[\w./-]*)`/g);
  return [...paths].map((match) => match[1] ?? "");
}

function missingPaths(page: SourceFile): string[] {
  return pathsOf(page)
    .filter((path) => !existsSync(join(root, path)))
    .map((path) => `${page.path} names ${path}, which does not exist`);
}

function brokenLinks(page: SourceFile): string[] {
  return [...page.text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? "")
    .filter((link) => !/^([a-z]+:|#)/.test(link))
    .filter((link) => !existsSync(join(root, posix.dirname(page.path), link.split("#")[0] ?? "")))
    .map((link) => `${page.path} links to ${link}`);
}
