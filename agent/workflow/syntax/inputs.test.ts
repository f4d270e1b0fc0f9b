import { expect, test } from "bun:test";
import { contextsOf, toData, toValue } from "../expressions/evaluate.ts";
import type { Value } from "../expressions/scope.ts";
import { inputsOf } from "./inputs.ts";
import { readWorkflow } from "./read-workflow.ts";

const scope = { contexts: contextsOf({ github: toData({ ref_name: "main" }) }), functions: new Map() };

async function inputs(event: string, definitions: string, given: Record<string, Value> = {}) {
  const text = `on:\n  ${event}:\n    inputs: ${definitions}\njobs: {a: {runs-on: x, steps: [{run: x}]}}`;
  const { workflow, problems } = await readWorkflow("w.yml", text);
  expect(problems).toEqual([]);
  if (!workflow) throw new Error("no workflow");
  const result = inputsOf(workflow, event, given, scope);
  return {
    inputs: toValue(result.inputs),
    texts: result.texts,
    problems: result.problems.map(
      ({ line, column, message, hint }) => `${line}:${column}: ${message}. ${hint}`,
    ),
  };
}

const dispatch: [definitions: string, given: Record<string, Value>, expected: Value][] = [
  ["{a: {}}", {}, { a: "" }],
  ["{a: , b: }", { b: "x" }, { a: "", b: "x" }],
  ["", {}, {}],
  ["{a: {description: x}}", { a: "v" }, { a: "v" }],
  ["{a: {default: d}}", {}, { a: "d" }],
  ["{a: {default: 3}}", {}, { a: "3" }],
  ["{a: {default: 'x', required: true}}", {}, { a: "x" }],
  ["{a: {type: boolean}}", {}, { a: false }],
  ["{a: {type: boolean, default: true}}", {}, { a: true }],
  ["{a: {type: boolean, default: 'true'}}", {}, { a: true }],
  ["{a: {type: boolean}}", { a: "true" }, { a: true }],
  ["{a: {type: boolean, default: true}}", { a: "False" }, { a: false }],
  ["{a: {type: number}}", { a: "1.5" }, { a: 1.5 }],
  ["{a: {type: number, default: 7}}", {}, { a: 7 }],
  ["{a: {type: choice, options: [x, 2]}}", { a: "2" }, { a: "2" }],
  ["{a: {type: choice, options: [x, y], default: y}}", {}, { a: "y" }],
  ["{a: {type: environment}}", { a: "prod" }, { a: "prod" }],
  ["{Name: {}}", { NAME: "v" }, { Name: "v" }],
  ["{a: {}, constructor: {default: c}}", {}, { a: "", constructor: "c" }],
];

test.each(dispatch)("workflow_dispatch with %s, given %j: %j", async (definitions, given, expected) => {
  const result = await inputs("workflow_dispatch", definitions, given);
  expect(result.problems).toEqual([]);
  expect(result.inputs).toEqual(expected);
});

test("github.event.inputs has the values as text", async () => {
  const result = await inputs("workflow_dispatch", "{a: {type: boolean}, b: {type: number, default: 2}}");
  expect(result.texts).toEqual({ a: "false", b: "2" });
});

test("a called workflow takes values with types, and defaults from expressions", async () => {
  const definitions =
    "{s: {type: string, default: '${{ github.ref_name }}'}, b: {type: boolean}, n: {type: number}}";
  expect((await inputs("workflow_call", definitions)).inputs).toEqual({ s: "main", b: false, n: 0 });
  expect((await inputs("workflow_call", definitions, { s: 1, b: true, n: 2 })).inputs).toEqual({
    s: "1",
    b: true,
    n: 2,
  });
});

const refused: [definitions: string, given: Record<string, Value>, problem: RegExp][] = [
  ["{a: {required: true}}", {}, /^3:17: The required input 'a' is missing.*--input a=VALUE/],
  ["{a: {type: boolean}}", { a: "yes" }, /must be true or false, but it is 'yes'/],
  ["{a: {type: number}}", { a: "many" }, /must be a number, but it is 'many'/],
  ["{a: {type: choice, options: [x, y]}}", { a: "z" }, /Choose one of: x, y/],
  ["{name: {}}", { nam: "z" }, /Unknown input 'nam'. Did you mean 'name'\? Its inputs: name/],
];

test.each(refused)("workflow_dispatch with %s, given %j, is refused", async (definitions, given, problem) => {
  const { problems } = await inputs("workflow_dispatch", definitions, given);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(problem);
});

test("an event without inputs takes none", async () => {
  const { workflow } = await readWorkflow("w.yml", "on: push\njobs: {a: {runs-on: x, steps: [{run: x}]}}");
  if (!workflow) throw new Error("no workflow");
  const { problems } = inputsOf(workflow, "push", { a: "1" }, scope);
  expect(problems[0]?.hint).toContain("--event workflow_dispatch");
});
