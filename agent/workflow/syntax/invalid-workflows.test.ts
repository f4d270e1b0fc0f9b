import { expect, test } from "bun:test";
import { readWorkflow } from "./read-workflow.ts";

/** What is wrong, and where: `line:column: message`, in a workflow that is right otherwise. */
type Case = [part: string, ...problems: string[]];

async function check(text: string, expected: readonly string[]): Promise<void> {
  const { workflow, problems } = await readWorkflow("w.yml", text);
  expect(workflow).toBeUndefined();
  expect(problems.map(({ line, column, message }) => `${line}:${column}: ${message}`)).toEqual([...expected]);
  for (const { hint, file } of problems) expect([file, hint !== ""]).toEqual(["w.yml", true]);
}

const JOBS = "jobs:\n  a:\n    runs-on: x\n    steps:\n      - run: x\n";
const indented = (text: string, by: string) => text.replace(/^(?=.)/gm, by);

const events: Case[] = [
  ["pusch", "1:5: Unexpected value 'pusch'"],
  ["[push, pullrequest, x]", "1:12: Unexpected value 'pullrequest'", "1:25: Unexpected value 'x'"],
  ["{pushh: {}}", "1:6: Unexpected key 'pushh'"],
  ["{push: {branch: main}}", "1:13: Unexpected key 'branch'"],
  ["{push: {types: [x]}}", "1:13: Unexpected key 'types'"],
  ["{push: {branches: }}", "1:23: A value is missing"],
  ["{push: {branches: {a: b}}}", "1:23: A mapping was not expected"],
  [
    "{push: {branches: [a], branches-ignore: [b], paths: [a], paths-ignore: [b]}}",
    "1:45: An event has either branches or branches-ignore, not both",
    "1:76: An event has either paths or paths-ignore, not both",
  ],
  ["{pull_request: {types: [open]}}", "1:29: Unexpected value 'open'"],
  ["{pull_request: {tags: [v1]}}", "1:21: Unexpected key 'tags'"],
  ["{issues: {types: [synchronize]}}", "1:23: Unexpected value 'synchronize'"],
  ["{schedule: [{cron: '* * *'}]}", "1:24: Invalid cron expression '* * *'"],
  ["{schedule: [{cron: '61 * * * *'}]}", "1:24: Invalid cron expression '61 * * * *'"],
  ["{schedule: [{cron: '@daily'}]}", "1:24: Invalid cron expression '@daily'"],
  ["{schedule: {cron: '0 0 * * *'}}", "1:16: A mapping was not expected"],
  ["{schedule: [{}]}", "1:17: Required property is missing: cron"],
  ["{schedule: [{cron: '0 0 * * *', timezone: Mars/X}]}", "1:47: Unknown time zone 'Mars/X'"],
  ["{workflow_dispatch: {input: {}}}", "1:26: Unexpected key 'input'"],
  ["{workflow_dispatch: {inputs: {a: {type: text}}}}", "1:45: Unexpected value 'text'"],
  ["{workflow_dispatch: {inputs: {a: {required: maybe}}}}", "1:49: Unexpected value 'maybe'"],
  ["{workflow_dispatch: {inputs: {a: {type: choice}}}}", "1:38: The choice 'a' has no options"],
  ["{workflow_dispatch: {inputs: {a: {options: [x]}}}}", "1:48: The input 'a' has options, but is no choice"],
  [
    "{workflow_dispatch: {inputs: {a: {type: choice, options: [x], default: y}}}}",
    "1:76: The default of 'a' must be one of its options: x",
  ],
  [
    "{workflow_dispatch: {inputs: {a: {type: boolean, default: maybe}, b: {type: number, default: x}}}}",
    "1:63: The default of 'a' must be true or false",
    "1:98: The default of 'b' must be a number",
  ],
  ["{workflow_call: {inputs: {a: {}}}}", "1:34: Required property is missing: type"],
  ["{workflow_call: {inputs: {a: {type: choice}}}}", "1:41: Unexpected value 'choice'"],
  ["{workflow_call: {outputs: {o: {}}}}", "1:35: Required property is missing: value"],
  ["{workflow_call: {outputs: {o: {value: '${{ steps.x }}'}}}}", "1:48: Unrecognized named-value: 'steps'"],
  ["[]", "1:5: The workflow has no events"],
  ["{}", "1:5: The workflow has no events"],
  ["", "1:4: A value is missing"],
];

test.each(events)("on: %s", async (on, ...problems) => {
  await check(`on: ${on}\n${JOBS}`.replace("on: \n", "on:\n"), problems);
});

const tops: Case[] = [
  ["name: ${{ github.ref }}", "2:11: Unrecognized named-value: 'github'"],
  ["envs: {}", "2:1: Unexpected key 'envs'"],
  ["env: [A=1]", "2:6: A sequence was not expected"],
  ["env: {A: [1]}", "2:10: A sequence was not expected"],
  ["env: {A: 1, a: 2}", "2:13: 'a' is already defined"],
  ["env: {A: '${{ env.B }}'}", "2:15: Unrecognized named-value: 'env'"],
  ["cache-mode: all", "2:13: Unexpected value 'all'"],
  ["permissions: write", "2:14: Unexpected value 'write'"],
  ["permissions: {content: read}", "2:15: Unexpected key 'content'"],
  ["permissions: {contents: admin}", "2:25: Unexpected value 'admin'"],
  ["concurrency: {cancel-in-progress: true}", "2:14: Required property is missing: group"],
  [
    "concurrency: {group: x, queue: max, cancel-in-progress: true}",
    "2:57: queue: max cannot be combined with cancel-in-progress: true",
  ],
  ["concurrency: {group: x, queue: many}", "2:32: Unexpected value 'many'"],
  ["defaults: {run: {shel: bash}}", "2:18: Unexpected key 'shel'"],
  ["run-name: ${{ secrets.X }}", "2:15: Unrecognized named-value: 'secrets'"],
  ["constructor: x", "2:1: Unexpected key 'constructor'"],
  ["on: pull_request", "2:1: 'on' is already defined"],
  ["name: a: b", "2:7: Nested mappings are not allowed in compact mappings"],
  ["name: {{ x }}", "2:8: A key must be plain text"],
  ["name: @x", "2:7: Plain value cannot start with reserved character @"],
  ["name: *nope", "2:7: Unknown anchor 'nope'"],
  ["name: !x y", "2:7: Unexpected YAML tag '!x'"],
  ["name: !!binary aGk=", "2:16: Unexpected YAML tag '!!binary'"],
  ["\tname: x", "2:1: Tabs are not allowed as indentation"],
];

test.each(tops)("top: %s", async (top, ...problems) => {
  await check(`on: push\n${top}\n${JOBS}`, problems);
});

const jobs: Case[] = [
  ["needs: b", "5:12: Job 'a' depends on unknown job 'b'"],
  ["needs: [A]", "5:13: Job 'a' depends on job 'A' which creates a cycle in the dependency graph"],
  ["runs_on: x", "5:5: Unexpected key 'runs_on'"],
  ["timeout-minutes: soon", "5:22: Unexpected value 'soon'"],
  ["continue-on-error: yes", "5:24: Unexpected value 'yes'"],
  ["if: env.A == 1", "5:9: Unrecognized named-value: 'env'"],
  ["if: foo()", "5:9: Unrecognized function: 'foo'"],
  ["if: github.ref = 'x'", "5:20: Unexpected symbol: '='"],
  ["if: (github.ref", "5:17: Unexpected end of expression: 'ref'"],
  ['if: "github.ref == \'a"', "5:24: Unexpected symbol: ''a'"],
  ["if: !cancelled()", "5:9: Unexpected YAML tag '!cancelled()'"],
  ["if: >-\n  github.ref == 'x' &&\n  secrets.T", "7:7: Unrecognized named-value: 'secrets'"],
  ["if: ${{ matrix.a }}", "5:13: Unrecognized named-value: 'matrix'"],
  ["strategy: {matrix: {os: linux}}", "5:29: Unexpected value 'linux'"],
  ["strategy: {matrix: {os: []}}", "5:29: The list 'os' of the matrix is empty"],
  ["strategy: {matrix: {}}", "5:24: The matrix has no values"],
  ["strategy: {matrix: {include: []}}", "5:24: The matrix has no values"],
  ["strategy: {matrix: {include: {a: 1}}}", "5:34: A mapping was not expected"],
  ["strategy: {matrix: {include: [a]}}", "5:35: Unexpected value 'a'"],
  ["strategy: {matrix: [a]}", "5:24: A sequence was not expected"],
  [
    "strategy: {fail-fast: maybe, max-parallel: few}",
    "5:27: Unexpected value 'maybe'",
    "5:48: Unexpected value 'few'",
  ],
  ["strategy: {matrx: {a: [1]}}", "5:16: Unexpected key 'matrx'"],
  ["container: {imag: x}", "5:16: Container image cannot be empty", "5:17: Unexpected key 'imag'"],
  ["container: {image: x, ports: 80}", "5:34: Unexpected value '80'"],
  ["services: [redis]", "5:15: A sequence was not expected"],
  ["services: {a: {options: x}}", "5:19: Container image cannot be empty"],
  ["environment: {url: x}", "5:18: Required property is missing: name"],
  ["outputs: {a: '${{ step.x.y }}'}", "5:23: Unrecognized named-value: 'step'"],
  ["permissions: {contents: yes}", "5:29: Unexpected value 'yes'"],
  ["uses: ./.github/workflows/x.yml", "5:5: Unexpected key 'uses'"],
  ['name: "x', "7:1: A quote is not closed"],
  ["<<: {env: {}}", "5:5: Unexpected key '<<'"],
];

test.each(jobs)("job: %s", async (fields, ...problems) => {
  await check(
    `on: push\njobs:\n  a:\n    runs-on: x\n${indented(fields, "    ")}\n    steps: [{run: x}]\n`,
    problems.map((problem) => problem),
  );
});

const steps: Case[] = [
  ["name: x", "6:9: A step needs either run or uses"],
  ["run: x\nuses: a/b@v1", "7:9: Unexpected key 'uses'"],
  ["uses: a/b@v1\nrun: x", "7:9: Unexpected key 'run'"],
  ["uses: a/b@v1\nshell: bash", "7:9: Unexpected key 'shell'"],
  ["run: x\nwith: {a: 1}", "7:9: Unexpected key 'with'"],
  [
    "runs: x\nnam: y",
    "6:9: Unexpected key 'runs'",
    "6:9: A step needs either run or uses",
    "7:9: Unexpected key 'nam'",
  ],
  ["run: [x]", "6:14: A sequence was not expected"],
  ["run: {a: b}", "6:14: A mapping was not expected"],
  ["run: x\nshell: [bash]", "7:16: A sequence was not expected"],
  ["run: x\nshell: ''", "7:16: A value is missing"],
  ["run: x\ntimeout-minutes: a", "7:26: Unexpected value 'a'"],
  ["run: x\nbackground: maybe", "7:21: Unexpected value 'maybe'"],
  ["wait: nobody", "6:15: Step references unknown step ID 'nobody'"],
  ["cancel: nobody", "6:17: Step references unknown step ID 'nobody'"],
  ["wait-all: false", "6:19: The value of 'wait-all' must be true or nothing"],
  ["wait-all:\nrun: x", "7:9: Unexpected key 'run'"],
  ["parallel: [{run: x, background: true}]", "6:20: 'background' is not allowed inside a parallel block"],
  ["parallel: [{name: x}]", "6:20: A step needs either run or uses"],
  ["parallel: [{uses: x}]", "6:27: Invalid action reference 'x'"],
  ["run: x\nenv: x", "7:14: Unexpected value 'x'"],
  ["run: x\nif: secrets.X", "7:13: Unrecognized named-value: 'secrets'"],
  ["uses: actions/checkout", "6:15: Invalid action reference 'actions/checkout'"],
  ["uses: checkout@v4", "6:15: Invalid action reference 'checkout@v4'"],
  ["uses: ../x", "6:15: Invalid action reference '../x'"],
  ["uses: ${{ matrix.a }}", "6:19: Unrecognized named-value: 'matrix'"],
  ["uses: a/b@v1\nwith: [a]", "7:15: A sequence was not expected"],
  ["uses: a/b@v1\nwith: {a: [1]}", "7:19: A sequence was not expected"],
  ["run: x ${{ github.ref", "6:16: UNCLOSED"],
  ["run: |\n  a\n  b ${{ github.ref\n  c", "8:13: UNCLOSED"],
  ["run: |\n  ${{ 'a' }} ${{ github.ref == 'a }}", "7:22: UNCLOSED"],
  [
    "run: |\n  ${{ a }} ${{ github.sha }} ${{ b }}\n\n  ${{ github.ref == }}",
    "7:15: Unrecognized named-value: 'a'",
    "7:42: Unrecognized named-value: 'b'",
    "9:26: Unexpected end of expression: '=='",
  ],
  ["run: >-\n  x\n  y ${{\n    github.ref ==\n    'a' && foo }}", "10:20: Unrecognized named-value: 'foo'"],
  ["run: |2\n    x\n  ${{ foo }}", "8:15: Unrecognized named-value: 'foo'"],
  ["run: >\n\n  ${{\n  format('{0}\n  x', foo) }}", "10:15: Unrecognized named-value: 'foo'"],
  ["run: x ${{ }}", "6:20: An expression was expected"],
  ["run: x ${{ 'a' 'b' }}", "6:24: Unexpected symbol: 'b'"],
  ["run: x\n  y ${{ foo }}", "7:17: Unrecognized named-value: 'foo'"],
  ['run: "a\\n\\t\\"${{ foo }}"', "6:26: Unrecognized named-value: 'foo'"],
  ['run: "a\n  b \\\n  ${{ foo }}"', "8:15: Unrecognized named-value: 'foo'"],
  ["run: 'a ''b'' ${{ contains(''a'') }}'", "6:27: Too few parameters supplied: 'contains'"],
  ["run: ${{ github.a..b }}", "6:27: Unexpected symbol: '.b'"],
  ["run: ${{ format() }}", "6:18: Too few parameters supplied: 'format'"],
  ["run: ${{ case(1,2) }}", "6:18: Too few parameters supplied: 'case'"],
  ["run: ${{ always() }}", "6:18: Unrecognized function: 'always'"],
  ["run: ${{ 'a' }} ${{ insert }}", "6:14: DIRECTIVE"],
];

const words: Record<string, string> = {
  UNCLOSED:
    "The expression is not closed. An unescaped ${{ sequence was found, but the closing }} sequence was not found",
  DIRECTIVE:
    "The directive 'insert' is not allowed in this context. Directives are not supported for expressions that are embedded within a string. Directives are only supported when the entire value is an expression",
};

test.each(steps)("step: %s", async (fields, ...problems) => {
  const step = indented(fields, "        ").replace(/^ {8}/, "      - ");
  await check(
    `on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n${step}\n`,
    problems.map((problem) => problem.replace(/[A-Z]{6,}$/, (word) => words[word] ?? word)),
  );
});

const whole: Case[] = [
  ["", "1:1: The file is empty"],
  ["# nothing\n", "1:1: The file is empty"],
  ["text", "1:1: The file must be a mapping"],
  ["- on: push", "1:1: A sequence was not expected"],
  [JOBS, "1:1: Required property is missing: on"],
  ["on: push", "1:1: Required property is missing: jobs"],
  ["on: push\njobs: {}", "2:7: The workflow has no jobs"],
  ["on: push\njobs:", "2:6: A value is missing"],
  ["on: push\njobs: [a]", "2:7: A sequence was not expected"],
  [`on: push\n${JOBS}---\non: push\n`, "7:1: The file has more than one YAML document"],
  [
    "on: push\njobs:\n  a: {runs-on: x\n",
    "4:1: Flow map in block collection must be sufficiently indented and end with a }",
  ],
  [
    "on: push\njobs:\n  a: {steps: [{run: x}]}\n  e: {runs-on: [], steps: []}\n  f: {runs-on: x}\n  g:\n  h: {uses: x, runs-on: y}\n  i: {uses: ./a.yml@v1}\n  j: {uses: a/b@v1}\n",
    "3:6: Required property is missing: runs-on",
    "4:16: runs-on names no machine",
    "4:27: Job 'e' has no steps and calls no workflow",
    "5:6: Job 'f' has no steps and calls no workflow",
    "6:5: A value is missing",
    "7:13: Invalid workflow reference 'x'",
    "7:16: Unexpected key 'runs-on'",
    "8:13: A workflow of the same repository has no @ref: './a.yml@v1'",
    "9:13: Invalid workflow reference 'a/b@v1'",
  ],
  [
    "on: push\njobs:\n  a: {needs: c, runs-on: x, steps: [{run: x}]}\n  b: {needs: [a], runs-on: x, steps: [{run: x}]}\n  c: {needs: b, runs-on: x, steps: [{run: x}]}\n  d: {needs: a, runs-on: x, steps: [{run: x}]}\n  e: {needs: [dd], runs-on: x, steps: [{run: x}]}\n",
    "3:14: Job 'a' depends on job 'c' which creates a cycle in the dependency graph",
    "4:15: Job 'b' depends on job 'a' which creates a cycle in the dependency graph",
    "5:14: Job 'c' depends on job 'b' which creates a cycle in the dependency graph",
    "7:15: Job 'e' depends on unknown job 'dd'",
  ],
  [
    "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - {id: s, run: x}\n      - {id: s, run: x}\n      -\n",
    "7:14: The identifier 's' may not be used more than once within the same scope.",
    "8:8: A value is missing",
  ],
];

test.each(whole)("workflow %j", async (text, ...problems) => {
  await check(text, problems);
});

test("ids that GitHub refuses", async () => {
  for (const id of ["1a", "a b", "a.b", "__x"]) {
    const { problems } = await readWorkflow(
      "w.yml",
      `on: push\njobs: {${id}: {runs-on: x, steps: [{id: ${id}, run: x}]}}`,
    );
    expect(problems.map(({ message }) => message.includes(`The identifier '${id}' is invalid`))).toEqual([
      true,
      true,
    ]);
  }
});

test("aliases that would grow without end are refused", async () => {
  const lines = Array.from(
    { length: 12 },
    (_, at) => `  v${at}: &v${at} [${Array(10).fill(at === 0 ? "x" : `*v${at - 1}`)}]`,
  );
  const { problems } = await readWorkflow("w.yml", `on: push\nx:\n${lines.join("\n")}\n${JOBS}`);
  expect(problems[0]?.message).toContain("aliases expanded");
});

test("a workflow_dispatch with more inputs than GitHub takes", async () => {
  const inputs = (count: number) => Array.from({ length: count }, (_, at) => `      i${at}: {}\n`).join("");
  const text = (count: number) => `on:\n  workflow_dispatch:\n    inputs:\n${inputs(count)}${JOBS}`;
  expect((await readWorkflow("w.yml", text(25))).problems).toEqual([]);
  const { problems } = await readWorkflow("w.yml", text(26));
  expect(problems.map(({ line, message }) => `${line}: ${message}`)).toEqual([
    "29: workflow_dispatch has 26 inputs; GitHub takes at most 25",
  ]);
});
