import { expect, test } from "bun:test";
import { jobManifest } from "../manifest.ts";
import { templateFile } from "../template/template.ts";
import { FileError, parseYaml } from "./yaml.ts";

/** The issues of the text, a line each. */
function troubles(text: string): string[] {
  try {
    parseYaml(text, "f", jobManifest);
    return [];
  } catch (error) {
    if (error instanceof FileError) return error.message.split("\n");
    throw error;
  }
}

test("every unknown field is reported with its position, in the order of the file", () => {
  expect(troubles("nmae: x\ncommand: a\nresources: {cpus: 1, mem: 2}\nprio: 3\n")).toEqual([
    "f:1:1: nmae: unknown field",
    "f:3:13: resources.cpus: unknown field; known fields are cpu, memoryMb, gpuCount",
    "f:3:22: resources.mem: unknown field; known fields are cpu, memoryMb, gpuCount",
    "f:4:1: prio: unknown field",
  ]);
});

test("a field that appears twice is named, and so is a field with control characters in its name", () => {
  expect(troubles("command: a\nresources:\n  cpu: 1\n  cpu: 2\n")).toEqual([
    "f:4:3: resources.cpu: appears twice; keep one of them",
  ]);
  expect(troubles('command: a\n"\\e[31mred": 1\n')).toEqual(["f:2:1:  [31mred: unknown field"]);
});

test("an invalid name is refused with the rule for names", () => {
  const [env, label] = troubles("command: a\nenv: {A=B: x}\nlabels: {-b: y}\n");
  expect(env).toStartWith("f:2:7: env.A=B: a variable name must not");
  expect(label).toStartWith("f:3:10: labels.-b: a label key may contain letters");
});

test("an unknown alias, or aliases that expand without end, are errors of the file", () => {
  expect(troubles("command: *nope\n")).toEqual([expect.stringContaining("nope")]);
  const rows = ["a: &a [x,x,x,x,x,x,x,x,x]"];
  for (const [to, from] of ["ba", "cb", "dc"]) rows.push(`${to}: &${to} [${`*${from},`.repeat(9)}]`);
  expect(troubles([...rows, "command: *d"].join("\n"))).toEqual([expect.stringContaining("alias")]);
});

test("an unclosed bracket or quote is reported at the end of the text, not after it", () => {
  expect(troubles("command: [a, b\n\n\n")).toEqual([expect.stringContaining("f:1:14: ")]);
  expect(troubles('name: a\ncommand: "b\n')).toEqual([expect.stringContaining("f:2:11: ")]);
});

test("an unknown tag is refused, not dropped", () => {
  expect(troubles('command: !!js/function "x"\n')).toEqual([expect.stringContaining("f:1:10: ")]);
});

test("several documents are refused with a clear message", () => {
  expect(troubles("command: a\n---\ncommand: b\n")).toEqual([
    "f:2:1: the file must contain one document, without ---",
  ]);
});

test("a file that is not YAML gives a few lines, without control characters", () => {
  const lines = troubles(`>\u001b[2J\u0007\u0000 ${"x".repeat(5_000)}\n`.repeat(200));
  expect(lines.length).toBeLessThanOrEqual(11);
  expect(lines.join("\n").length).toBeLessThan(5_000);
  expect(lines.join("")).not.toMatch(/\p{Cc}/u);
});

test("an unquoted scalar keeps its characters if text is expected", () => {
  const scalars = `
    3.10 1.0 01234 0755 0o755 0x1F +5 -0 1e3 1234567e8 .5 .inf .NaN 12345678901234567890
    4225332178759948e04347560002921719079454 True FALSE true 12 no on 22:22 2026-01-31 1_000 1.2.3`
    .trim()
    .split(/\s+/);
  const lines = scalars.map((scalar, i) => `  V${i}: ${scalar}`);
  const job = parseYaml(["command: a", "env:", ...lines].join("\n"), "f", jobManifest);
  expect(Object.values(job.env)).toEqual(scalars);
});

test("every text field of a job, and every name, keeps its characters", () => {
  const text =
    "{name: 1.10, command: [echo, 1.0], labels: {1.10: 3.10}, pool: 1, workdir: 010, type: DOCKER, image: 1.0, " +
    "docker: {user: 0100, network: 1.10}, concurrency: {group: 007}, resources: {cpu: 1.50}, maxRetries: 2}";
  expect(parseYaml(text, "f", jobManifest)).toMatchObject({
    name: "1.10",
    command: ["echo", "1.0"],
    labels: { "1.10": "3.10" },
    pool: "1",
    workdir: "010",
    image: "1.0",
    docker: { user: "0100", network: "1.10" },
    concurrency: { group: "007" },
    resources: { cpu: 1.5 },
    maxRetries: 2,
  });
});

test("aliases and merged maps keep the characters too, even if the same scalar is a number elsewhere", () => {
  const text = `
x-common: &common {A: 1.20, B: 1.30}
x-more: &more {B: 9.90, C: 0x10}
command: a
resources: {cpu: &cpus 2.50}
env: {<<: [*common, *more], A: 1.10, D: *cpus}
`;
  const job = parseYaml(text, "f", jobManifest);
  expect(job.env).toEqual({ A: "1.10", B: "1.30", C: "0x10", D: "2.50" });
  expect(job.resources.cpu).toBe(2.5);
  expect(troubles("command: a\nenv: {<<: 5}\n")).toEqual([
    "f:1:1: << takes a map, an alias of a map, or a list of aliases of maps",
  ]);
});

test("a template keeps the characters of its defaults, its choices and its job's text fields", () => {
  const text = `
name: t
parameters:
  - {name: a, type: string, default: 3.10}
  - {name: b, type: number, default: 3.10, min: 1.0}
  - {name: c, type: enum, values: [3.9, 3.10], default: 3.10}
job: {command: "echo {{a}} {{b}} {{c}}", env: {V: 1.10}, labels: {python: 3.10}, resources: {cpu: 1.0}}
`;
  const template = parseYaml(text, "f", templateFile);
  expect(template.parameters.map((one) => one.default)).toEqual(["3.10", "3.10", "3.10"]);
  expect(template.parameters[2]?.values).toEqual(["3.9", "3.10"]);
  expect(template.job).toMatchObject({
    env: { V: "1.10" },
    labels: { python: "3.10" },
    resources: { cpu: 1 },
  });
});

test("in a JSON file, a number that JSON would change is refused with its position", () => {
  expect(troubles('{"command": "a",\n "env": {"V": 1.10, "N": 5}}')).toEqual([
    'f:2:10: env.V: JSON would change 1.10 to 1.1 here; write it in quotes, as "1.10"',
  ]);
});

test("names of built-in properties are ordinary variables", () => {
  const text = "command: a\nenv: {__proto__: 1.10, __proto___: b, constructor: c, toString: d}\n";
  const { env } = parseYaml(text, "f", jobManifest);
  expect(Object.entries(env)).toEqual([
    ["__proto__", "1.10"],
    ["__proto___", "b"],
    ["constructor", "c"],
    ["toString", "d"],
  ]);
  expect(jobManifest.parse(JSON.parse(JSON.stringify({ command: "a", env }))).env).toEqual(env);
});
