import { expect, test } from "bun:test";
import { contextsOf, evaluateText, toData } from "../expressions/evaluate.ts";
import type { ActionRuns, CompositeRuns } from "./model.ts";
import { readAction } from "./read-action.ts";

function runsOf(text: string): ActionRuns {
  const { action, problems } = readAction("action.yml", text);
  expect(problems).toEqual([]);
  if (!action) throw new Error("no action");
  return action.runs;
}

test("a composite action has steps, inputs with defaults, and values of outputs", () => {
  const { action, problems } = readAction(
    "a/action.yml",
    `name: Greet
description: Says hello
branding: {icon: smile, color: whatever}
inputs:
  who:
    required: "true"
    default: \${{ github.actor }}
    deprecationMessage: Use name
  Loud: {description: x, type: boolean}
outputs:
  greeting:
    value: \${{ steps.say.outputs.text }}
runs:
  using: Composite
  steps:
    - id: say
      if: inputs.Loud == 'true'
      shell: bash
      run: echo 'it''s' '\${{ inputs.who }}' 'you'
    - uses: ./other
      with: {n: 1, b: true, nothing: }
`,
  );
  expect(problems).toEqual([]);
  expect(action?.name).toBe("Greet");
  expect(action?.inputs.get("who")).toMatchObject({ required: true, deprecationMessage: "Use name" });
  expect(action?.inputs.get("Loud")).toMatchObject({ required: false, default: undefined });
  expect(String(action?.outputs.get("greeting"))).toBe("${{ steps.say.outputs.text }}");
  const runs = action?.runs as CompositeRuns;
  expect(runs.using).toBe("composite");
  expect(runs.steps.map((step) => step.if)).toEqual(["success() && (inputs.Loud == 'true')", "success()"]);
  const scope = { contexts: contextsOf({ inputs: toData({ who: "me" }) }), functions: new Map() };
  expect(evaluateText(runs.steps[0]?.run, scope)).toBe("echo 'it''s' 'me' 'you'");
});

test("a JavaScript action may use any version of node", () => {
  expect(runsOf("runs: {using: node12, main: a.js}")).toEqual({
    using: "node12",
    main: "a.js",
    pre: undefined,
    post: undefined,
    preIf: "always()",
    postIf: "always()",
  });
  expect(
    runsOf(
      "runs: {using: Node28, main: a.js, pre: b.js, post: c.js, pre-if: runner.os == 'Linux', post-if: success()}",
    ),
  ).toMatchObject({ using: "node28", pre: "b.js", preIf: "runner.os == 'Linux'", postIf: "success()" });
});

test("a Docker action keeps its arguments and variables as they stand", () => {
  const runs = runsOf(`runs:
  using: docker
  image: docker://alpine:3
  entrypoint: /main.sh
  pre-entrypoint: /pre.sh
  post-entrypoint: /post.sh
  args: ["\${{ inputs.who }}", 2]
  env:
    WHO: \${{ inputs.who }}
`);
  expect(runs).toMatchObject({
    image: "docker://alpine:3",
    preEntrypoint: "/pre.sh",
    entrypoint: "/main.sh",
  });
  expect(runs.using === "docker" && runs.args?.map(String)).toEqual(["${{ inputs.who }}", "2"]);
  expect(runsOf("runs: {using: docker, image: Dockerfile}")).toMatchObject({
    args: undefined,
    env: undefined,
  });
});

const broken: [text: string, line: number, column: number, message: string][] = [
  ["", 1, 1, "The file is empty"],
  ["- a", 1, 1, "A sequence was not expected"],
  ["name: x", 1, 1, "Required property is missing: runs"],
  ["runs: {using: perl, main: a}", 1, 15, "'using: perl' is not supported"],
  ["runs:\n  main: a.js", 2, 3, "Required property is missing: using"],
  ["runs:\n  using: node20\n  pre: a.js", 2, 3, "Required property is missing: main"],
  ["runs:\n  using: composite\n  steps:\n    - run: x", 4, 7, "Required property is missing: shell"],
  ["runs:\n  using: composite\n  steps:\n    - name: x", 4, 7, "A step needs either run or uses"],
  ["runs:\n  using: composite\n  steps:\n    - {uses: a/b@v1, run: x}", 4, 22, "Unexpected key 'run'"],
  [
    "runs:\n  using: composite\n  steps:\n    - {uses: a/b@v1, timeout-minutes: 1}",
    4,
    22,
    "Unexpected key 'timeout-minutes'",
  ],
  [
    "runs:\n  using: composite\n  steps:\n    - shell: sh\n      run: |\n        a\n        b ${{ secrets.X }}",
    7,
    15,
    "Unrecognized named-value: 'secrets'",
  ],
  ["runs: {using: node20, main: x, post-if: fail()}", 1, 41, "Unrecognized function: 'fail'"],
  ["runs: {using: docker, image: x, args: ['${{ github.x }}']}", 1, 45, "Unrecognized named-value: 'github'"],
  ["runs: {using: docker, image: x, what: y}", 1, 33, "Unexpected key 'what'"],
];

test.each(broken)("%j: line %d, column %d: %s", (text, line, column, message) => {
  const { action, problems } = readAction("action.yml", text);
  expect(action).toBeUndefined();
  expect(problems[0]).toMatchObject({ file: "action.yml", line, column, message });
  expect(problems[0]?.hint).not.toBe("");
});
