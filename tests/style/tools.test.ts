import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./source.ts";

/** A tool takes seconds, but on a busy machine with two cores a minute or two. Only one that hangs takes longer. */
const TOOL_TIMEOUT_MS = 240_000;
const TOOLS_PER_TEST = 2;
setDefaultTimeout(TOOLS_PER_TEST * TOOL_TIMEOUT_MS + 10_000);

test("the code is formatted and free of lint", async () => {
  expect(await runTool("biome", ["ci", "--colors=off", "."])).toBe("");
});

test("the types are right", async () => {
  expect(await runTool("tsc", ["--noEmit"])).toBe("");
});

test("no file, export or dependency is unused", async () => {
  expect(await runTool("knip", ["--no-progress", "--no-config-hints"])).toBe("");
});

test("a function of more than 70 lines and a file of more than 400 are rejected", async () => {
  const body = Array.from({ length: 72 }, (_, i) => `  console.log(${i});`).join("\n");
  expect(await lint(`export function long() {\n${body}\n}\n`)).toContain("noExcessiveLinesPerFunction");
  const lines = Array.from({ length: 401 }, (_, i) => `export const a${i} = ${i};`).join("\n");
  expect(await lint(`${lines}\n`)).toContain("noExcessiveLinesPerFile");
});

test("a test that is skipped, or that keeps others from running, is rejected", async () => {
  const head = 'import { test } from "bun:test";\n';
  expect(await lint(`${head}test.only("a", () => {});\n`, "a.test.ts")).toContain("noFocusedTests");
  expect(await lint(`${head}test.skip("a", () => {});\n`, "a.test.ts")).toContain("noSkippedTests");
});

/** The output of a tool that fails; empty if it succeeds. */
async function runTool(name: string, args: string[], cwd = root): Promise<string> {
  const tool = Bun.spawn([process.execPath, join(root, "node_modules", ".bin", name), ...args], {
    cwd,
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: TOOL_TIMEOUT_MS,
  });
  const [stdout, stderr] = await Promise.all([readText(tool.stdout), readText(tool.stderr)]);
  if ((await tool.exited) === 0) return "";
  const what = tool.signalCode ? `was stopped after ${TOOL_TIMEOUT_MS / 1_000} s` : "failed";
  return `${name} ${what}:\n${stdout}\n${stderr}`;
}

/** What the linter says about a file, with the settings of this repository. */
async function lint(code: string, name = "a.ts"): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "tanvrit-lint-"));
  try {
    await Bun.write(join(directory, "biome.json"), Bun.file(join(root, "biome.json")));
    await Bun.write(join(directory, name), code);
    return await runTool("biome", ["lint", "--colors=off", "."], directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function readText(stream: ReadableStream<Uint8Array>): Promise<string> {
  return new Response(stream).text();
}
