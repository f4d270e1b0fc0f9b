import { expect, test } from "bun:test";
import { Linter } from "./linter.ts";

const WORKFLOW = ".github/workflows/ci.yml";
const CALLED = ".github/workflows/called.yml";

async function lint(files: Record<string, string>): Promise<string[]> {
  const linter = new Linter({ read: async (path) => files[path], shown: (path) => path });
  await linter.lint(WORKFLOW);
  return linter.problems.map(
    ({ file, line, column, message }) => `${file.split("/").pop()}:${line}:${column}: ${message}`,
  );
}

const calling = (fields: string) =>
  `on: push\njobs:\n  a:\n    uses: ./.github/workflows/called.yml\n${fields.replace(/^(?=.)/gm, "    ")}\n`;
const called = (call: string) => `on: {workflow_call: ${call}}\njobs: {x: {runs-on: x, steps: [{run: x}]}}\n`;
const step = (uses: string) => `on: push\njobs: {a: {runs-on: x, steps: [{uses: ${uses}}]}}`;
const DEFINED =
  "{inputs: {s: {type: string, required: true}, b: {type: boolean}, n: {type: number}}, secrets: {t: {required: true}, u: }}";

const calls: [fields: string, call: string, ...problems: string[]][] = [
  ["with: {s: x, B: true, n: 1.5}\nsecrets: {T: x}", DEFINED],
  ["with: {s: 1, b: '${{ inputs.x }}', n: '${{ matrix.y }}'}\nsecrets: inherit", DEFINED],
  ["with: {s: x}\nsecrets: inherit", DEFINED],
  ["name: x", "{inputs: {a: {type: string, default: d, required: true}}}"],
  ["secrets: {GITHUB_TOKEN: x}", "{}"],
  [
    "name: x",
    DEFINED,
    "ci.yml:4:11: Input s is required, but not provided while calling ./.github/workflows/called.yml",
    "ci.yml:4:11: Secret t is required, but not provided while calling ./.github/workflows/called.yml",
  ],
  [
    "with: {s: x, q: 1}\nsecrets: {t: x, v: y}",
    DEFINED,
    "ci.yml:5:18: Invalid input, q is not defined in the referenced workflow ./.github/workflows/called.yml",
    "ci.yml:6:21: Invalid secret, v is not defined in the referenced workflow ./.github/workflows/called.yml",
  ],
  [
    "with: {s: x, b: maybe, n: many}\nsecrets: inherit",
    DEFINED,
    "ci.yml:5:21: The input 'b' of the workflow './.github/workflows/called.yml' must be true or false",
    "ci.yml:5:31: The input 'n' of the workflow './.github/workflows/called.yml' must be a number",
  ],
];

test.each(calls)("a call with %j of %j", async (fields, call, ...problems) => {
  expect(await lint({ [WORKFLOW]: calling(fields), [CALLED]: called(call) })).toEqual(problems);
});

test("a called workflow must be there, be reusable, and be right itself", async () => {
  expect(await lint({ [WORKFLOW]: calling("") })).toEqual([
    "ci.yml:4:11: There is no workflow './.github/workflows/called.yml'",
  ]);
  expect(
    await lint({ [WORKFLOW]: calling(""), [CALLED]: called("").replace("workflow_call", "push") }),
  ).toEqual([
    "ci.yml:4:11: The workflow .github/workflows/called.yml is not reusable: it has no 'on.workflow_call'",
  ]);
  expect(await lint({ [WORKFLOW]: calling(""), [CALLED]: called("").replace("runs-on", "run-on") })).toEqual([
    "called.yml:2:11: Required property is missing: runs-on",
    "called.yml:2:12: Unexpected key 'run-on'",
  ]);
});

test("calls are checked although other things are wrong", async () => {
  expect(await lint({ [WORKFLOW]: `nam: x\n${calling("with: {q: 1}")}`, [CALLED]: called("") })).toEqual([
    "ci.yml:1:1: Unexpected key 'nam'",
    "ci.yml:6:12: Invalid input, q is not defined in the referenced workflow ./.github/workflows/called.yml",
  ]);
});

test("workflows that call each other in a circle, or too deep, are refused", async () => {
  const circle = called("").replace("{runs-on: x, steps: [{run: x}]}", `{uses: ./${CALLED}}`);
  expect(await lint({ [WORKFLOW]: calling(""), [CALLED]: circle })).toEqual([
    "called.yml:2:18: The workflow './.github/workflows/called.yml' calls itself",
  ]);
  const files: Record<string, string> = { [WORKFLOW]: calling("").replace("called", "w1") };
  for (let level = 1; level < 12; level++)
    files[`.github/workflows/w${level}.yml`] =
      `on: workflow_call\njobs: {x: {uses: ./.github/workflows/w${level + 1}.yml}}`;
  expect(await lint(files)).toEqual(["w9.yml:2:18: Workflows call each other more than 10 levels deep"]);
});

test("local actions are read where they are there; what is missing may come from an earlier step", async () => {
  const composite = "runs: {using: composite, steps: [{uses: ./deep}]}";
  expect(await lint({ [WORKFLOW]: step("./later") })).toEqual([]);
  expect(await lint({ [WORKFLOW]: step("./tool/"), "tool/action.yaml": composite })).toEqual([]);
  expect(
    await lint({ [WORKFLOW]: step("./tool"), "tool/action.yml": composite, "deep/action.yml": "name: x" }),
  ).toEqual(["action.yml:1:1: Required property is missing: runs"]);
  expect(await lint({ [WORKFLOW]: step("./"), "action.yml": "runs: {using: perl}" })).toEqual([
    "action.yml:1:7: There's not enough info to determine what you meant. Add one of these properties: args, entrypoint, env, image, main, post, post-entrypoint, pre, pre-entrypoint, steps",
    "action.yml:1:15: 'using: perl' is not supported",
  ]);
});
