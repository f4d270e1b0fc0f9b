import { expect, test } from "bun:test";
import { FileError, parseYaml } from "../config/yaml.ts";
import { fillJob } from "./fill.ts";
import type { ParameterValue } from "./parameter.ts";
import { escapeLiteral, parsePieces } from "./placeholders.ts";
import { resolveParameters } from "./resolve.ts";
import { type TemplateFile, templateFile } from "./template.ts";

const file = (text: string) => parseYaml(text, "t.yaml", templateFile);

function render(template: TemplateFile, given: Record<string, ParameterValue> = {}) {
  const resolved = resolveParameters(template.parameters, given);
  if ("problems" in resolved)
    throw new Error(resolved.problems.map(({ name, message }) => `${name}: ${message}`).join("; "));
  const filled = fillJob(template.job, resolved.fillings);
  if ("issues" in filled) throw new Error(JSON.stringify(filled.issues));
  return filled.manifest;
}

const scale = `
name: scale-video
description: Scale a video with ffmpeg
parameters:
  - {name: input, type: string, required: true, help: the file to read}
  - {name: output, type: string, required: true, help: the file to write}
  - {name: width, type: number, default: 1280}
job:
  command: [ffmpeg, -i, "{{input}}", -vf, "scale={{width}}:-2", "{{output}}"]
`;

test("a template's job is its manifest with the values filled in", () => {
  expect(render(file(scale), { input: "-a b.mp4", output: "$(x)", width: "640" })).toMatchObject({
    command: ["ffmpeg", "-i", "-a b.mp4", "-vf", "scale=640:-2", "$(x)"],
    type: "COMMAND",
    maxRetries: 0,
  });
  expect(render(file(scale), { input: "a", output: "b" }).command).toContain("scale=1280:-2");
});

test("values may be used in labels, variables, the name and the directory, and numbers also in numeric fields", () => {
  const template = file(`
name: t
parameters:
  - {name: n, type: number, default: 2}
  - {name: s, type: string, default: a'b}
  - {name: off, type: string}
job:
  name: job {{s}}
  command: [run, "{{off}}", "x{{off}}"]
  env: {A: "{{s}} {{n}}", N: "{{n}}", OFF: "{{off}}", command: "{{s}}"}
  labels: {size: "{{n}}"}
  resources: {cpu: "{{n}}", gpuCount: "{{n}}"}
  timeoutSeconds: "{{n}}"
  workdir: /data/{{s}}
`);
  expect(render(template)).toMatchObject({
    name: "job a'b",
    command: ["run", "x"],
    env: { A: "a'b 2", N: "2", command: "a'b" },
    labels: { size: "2" },
    resources: { cpu: 2, gpuCount: 2 },
    timeoutSeconds: 2,
    workdir: "/data/a'b",
  });
  expect(render(template).env).not.toHaveProperty("OFF");
  expect(render(template, { off: "" })).toMatchObject({ command: ["run", "", "x"], env: { OFF: "" } });
});

test("a string command gets its values quoted, and sh runs it on every node", () => {
  const template = file(
    '{name: t, parameters: [{name: v, type: string}], job: {command: "echo {{v}} | cat"}}',
  );
  expect(render(template, { v: "it's; $x" }).command).toEqual(["sh", "-c", "echo 'it'\\''s; $x' | cat"]);
  expect(render(template).command).toEqual(["sh", "-c", "echo '' | cat"]);
  expect(render(file("{name: t, job: {command: echo hi}}")).command).toBe("echo hi");
});

test("doubled braces are literal braces", () => {
  const template = file(
    "name: t\nparameters: [{name: v, type: string, default: x}]\njob: {command: [a, '{{{{.State}} {{v}} {{{v}}} }}']}",
  );
  expect(render(template).command).toEqual(["a", "{{.State}} x {x} }}"]);
  for (const text of ["{{a}}", "{{{", "{{{{", "{ {", "{{{{{b", "a{{"]) {
    expect(parsePieces(escapeLiteral(text))).toEqual([{ text }]);
  }
});

const parametersOf = (rest: string) =>
  file(`name: t\nparameters: [{name: p, ${rest}}]\njob: {command: [a, "{{p}}"]}`);
const values: [string, ParameterValue, string][] = [
  ["type: number", "many", "must be a number"],
  ["type: number", "0x10", "must be a number"],
  ["type: number", "1e999", "must be a number"],
  ["type: number, min: 1, max: 5", 0, "at least 1"],
  ["type: number, min: 1, max: 5", "6", "at most 5"],
  ["type: boolean", "yes", "true or false"],
  ["type: enum, values: [a, b]", "c", "one of a, b"],
  ["type: string, pattern: '[a-z]+'", "A", "must match [a-z]+"],
  ["type: string", "a\0b", "null byte"],
  ["type: string", "\ud800", "Unicode"],
  ["type: string", "x".repeat(200_000), "longer than"],
  ["type: file", "", "must name a file"],
];

test("a value that its parameter does not allow is refused, naming the parameter", () => {
  for (const [rest, value, message] of values) {
    const run = () => render(parametersOf(rest), { p: value });
    expect(run).toThrow("p: ");
    expect(run).toThrow(message);
  }
  expect(() => render(parametersOf("type: string, required: true"))).toThrow("p: is required");
  expect(() => render(parametersOf("type: string"), { q: 1 })).toThrow("q: is not a parameter");
  expect(render(parametersOf("type: number"), { p: "1.50" }).command).toEqual(["a", "1.50"]);
  expect(render(parametersOf("type: boolean"), { p: true }).command).toEqual(["a", "true"]);
  // YAML's spellings work too.
  expect(render(parametersOf("type: boolean, default: FALSE"), {}).command).toEqual(["a", "false"]);
  expect(render(parametersOf("type: boolean"), { p: "True" }).command).toEqual(["a", "true"]);
});

const badFiles: [string, string][] = [
  ["name: t\njob:\n  command: [a, '{{x}}']", "t.yaml:3:16: job.command.1: {{x}} is not a parameter"],
  [
    "name: t\nparameters:\n  - {name: p, type: string}\njob: {command: a}",
    "t.yaml:3:6: parameters.0.name: p is not used",
  ],
  ["name: t\njob: {command: 'a {{.x}}'}", 'job.command: "{{.x}}" is not a placeholder'],
  [
    "name: t\nparameters: [{name: p, type: string}]\njob:\n  command: echo $(a {{p}})",
    "t.yaml:4:3: job.command: {{p}}: it is in $(…)",
  ],
  [
    "name: t\nparameters: [{name: p, type: string}]\njob: {command: [sh, -c, 'a {{p}}']}",
    "job.command.2: has a placeholder in program text",
  ],
  ["name: t\nparameters: [{name: p, type: strnig}]\njob: {command: a}", "parameters.0.type"],
  [
    "name: t\nparameters: [{name: p, type: number, default: x}]\njob: {command: [a, '{{p}}']}",
    "parameters.0.default: must be a number",
  ],
  [
    "name: t\nparameters: [{name: p, type: enum}]\njob: {command: [a, '{{p}}']}",
    "parameters.0.values: is missing",
  ],
  [
    "name: t\nparameters: [{name: p, type: number, pattern: a}]\njob: {command: [a, '{{p}}']}",
    "parameters.0.pattern: is only for",
  ],
  [
    "name: t\nparameters: [{name: p, type: string, pattern: '(a'}]\njob: {command: [a, '{{p}}']}",
    "parameters.0.pattern: is not a valid RE2 regular expression: missing closing )",
  ],
  [
    "name: t\nparameters: [{name: p, type: string, required: true, default: a}]\njob: {command: [a, '{{p}}']}",
    "parameters.0.required",
  ],
  [
    "name: t\nparameters:\n - {name: p, type: string}\n - {name: p, type: string}\njob: {command: [a, '{{p}}']}",
    "another parameter is named p",
  ],
  ["name: t\njob:\n  comand: a", "t.yaml:3:3: job.comand: unknown field"],
  ["name: t\njob:\n  command: a\n  timeoutSeconds: soon", "t.yaml:4:3: job.timeoutSeconds"],
  [
    "name: t\nparameters: [{name: p, type: string}]\njob:\n  command: a\n  timeoutSeconds: '{{p}}'",
    "t.yaml:5:3: job.timeoutSeconds",
  ],
  [
    "name: t\nparameters: [{name: p, type: string}]\njob: {command: ['{{p}}']}",
    "with only the required values",
  ],
  ["name: t\njob: {command: a, env: {'{{x}}': a}}", "a name must not contain a placeholder"],
  [
    "name: t\nparameters: [{name: p, type: string}]\njob: {command: a, imgae: '{{p}}'}",
    "job.imgae: unknown field",
  ],
  ["name: tpl_x\njob: {command: a}", "name: a name must not begin with tpl_"],
];

test("a mistake that would fail every run is reported when the template is created, with file, line and field", () => {
  for (const [text, message] of badFiles) {
    expect(() => file(text)).toThrow(FileError);
    expect(() => file(text)).toThrow(message);
  }
});

/** Repeats text up to the longest text a shell accepts. */
const long = (part: string) => part.repeat(Math.floor(131_000 / part.length));

test("no template takes long to check, even with many placeholders, quotes or $(…)", () => {
  const parameters = [{ name: "p", type: "string" }];
  const nested = ["$(", '"$(', "$(\\\n", "$(a $(b ", "<<E\n", "(("];
  for (const part of ["{{p}} ", "{{p}}", "\\\n", "{", "{{x", "'", "a ", "eval ", ...nested]) {
    for (const command of [`${long(part)}{{p}}`, `{{p}} ${long(part)}`]) {
      const started = process.cpuUsage();
      templateFile.safeParse({ name: "t", parameters, job: { command } });
      const { user, system } = process.cpuUsage(started);
      expect({ part, slow: (user + system) / 1_000 > 1_000 }).toEqual({ part, slow: false });
    }
  }
  const command = Array.from({ length: 4_000 }, (_, i) => (i % 2 === 0 ? "-c" : "{{p}}"));
  expect(() => templateFile.parse({ name: "t", parameters, job: { command } })).toThrow("2000 placeholders");
  const tooLong = `${"a ".repeat(100_000)}{{p}}`;
  expect(() => templateFile.parse({ name: "t", parameters, job: { command: tooLong } })).toThrow(
    "is longer than",
  );
});

test("values larger than any job may be are refused before they are filled in", () => {
  const template = templateFile.parse({
    name: "t",
    parameters: [{ name: "p", type: "string", required: true }],
    job: { command: Array.from({ length: 1_000 }, () => "{{p}}") },
  });
  expect(() => render(template, { p: "x".repeat(100_000) })).toThrow("its values have more than");
});
