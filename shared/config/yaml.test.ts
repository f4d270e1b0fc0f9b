import { expect, test } from "bun:test";
import { jobManifest } from "../manifest.ts";
import { templateFile } from "../template/template.ts";
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

test("an unquoted scalar keeps its characters where a text is meant", () => {
  const scalars = [
    ...[
      "3.10",
      "1.0",
      "01234",
      "0755",
      "0o755",
      "0x1F",
      "+5",
      "-0",
      "1e3",
      "1234567e8",
      ".5",
      ".inf",
      ".NaN",
    ],
    ...[
      "12345678901234567890",
      "4225332178759948e04347560002921719079454",
      "True",
      "FALSE",
      "true",
      "12",
      "no",
    ],
    ...["on", "22:22", "2026-01-31", "1_000", "1.2.3"],
  ];
  const lines = scalars.map((scalar, i) => `  V${i}: ${scalar}`);
  const job = parseYaml(["command: a", "env:", ...lines].join("\n"), "f", jobManifest);
  expect(Object.values(job.env)).toEqual(scalars);
});

test("so it is with every text of a job, and with names", () => {
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

test("an alias and a merged map mean the characters too, also where the same scalar is a number elsewhere", () => {
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

test("a template keeps the characters of its defaults, of its choices and of its job's texts", () => {
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

test("a file that is JSON is held to JSON: what it would change is refused where it stands", () => {
  expect(troubles('{"command": "a",\n "env": {"V": 1.10, "N": 5}}')).toEqual([
    'f:2:10: env.V: JSON would change 1.10 to 1.1 here; write it in quotes, as "1.10"',
  ]);
});

test("a name that every object has is a variable like any other", () => {
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
