import { expect, test } from "bun:test";
import { jobManifest } from "../manifest.ts";
import { FileError, parseYaml } from "./yaml.ts";

/** What is wrong with the text, a line for each issue. */
function troubles(text: string): string[] {
  try {
    parseYaml(text, "f", jobManifest);
    return [];
  } catch (error) {
    if (error instanceof FileError) return error.message.split("\n");
    throw error;
  }
}

test("every unknown field is named where it stands, in the order of the file", () => {
  expect(troubles("nmae: x\ncommand: a\nresources: {cpus: 1, mem: 2}\nprio: 3\n")).toEqual([
    "f:1:1: nmae: unknown field",
    "f:3:13: resources.cpus: unknown field; there are cpu, memoryMb, gpuCount",
    "f:3:22: resources.mem: unknown field; there are cpu, memoryMb, gpuCount",
    "f:4:1: prio: unknown field",
  ]);
});

test("a field that stands twice is named, and so is a field whose name would drive a terminal", () => {
  expect(troubles("command: a\nresources:\n  cpu: 1\n  cpu: 2\n")).toEqual([
    "f:4:3: resources.cpu: stands there twice; keep one of them",
  ]);
  expect(troubles('command: a\n"\\e[31mred": 1\n')).toEqual(["f:2:1:  [31mred: unknown field"]);
});

test("a name that cannot be one is told with what names may be", () => {
  const [env, label] = troubles("command: a\nenv: {A=B: x}\nlabels: {-b: y}\n");
  expect(env).toStartWith("f:2:7: env.A=B: a variable name must not");
  expect(label).toStartWith("f:3:10: labels.-b: a label key is letters");
});

test("an alias that is not there, or that grows without end, is a mistake in the file", () => {
  expect(troubles("command: *nope\n")).toEqual([expect.stringContaining("nope")]);
  const rows = ["a: &a [x,x,x,x,x,x,x,x,x]"];
  for (const [to, from] of ["ba", "cb", "dc"]) rows.push(`${to}: &${to} [${`*${from},`.repeat(9)}]`);
  expect(troubles([...rows, "command: *d"].join("\n"))).toEqual([expect.stringContaining("alias")]);
});

test("what is never closed is told where the text ends, not behind it", () => {
  expect(troubles("command: [a, b\n\n\n")).toEqual([expect.stringContaining("f:1:14: ")]);
  expect(troubles('name: a\ncommand: "b\n')).toEqual([expect.stringContaining("f:2:11: ")]);
});

test("a tag that nobody knows is refused, not dropped", () => {
  expect(troubles('command: !!js/function "x"\n')).toEqual([expect.stringContaining("f:1:10: ")]);
});

test("several documents are refused in words for people", () => {
  expect(troubles("command: a\n---\ncommand: b\n")).toEqual([
    "f:2:1: the file must hold one document, without ---",
  ]);
});

test("a file that is anything but YAML gives a few lines, without signs that drive a terminal", () => {
  const lines = troubles(`>\u001b[2J\u0007\u0000 ${"x".repeat(5_000)}\n`.repeat(200));
  expect(lines.length).toBeLessThanOrEqual(11);
  expect(lines.join("\n").length).toBeLessThan(5_000);
  expect(lines.join("")).not.toMatch(/\p{Cc}/u);
});
