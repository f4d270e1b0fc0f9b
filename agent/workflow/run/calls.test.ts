import { expect, test } from "bun:test";
import { conclusions, engineRun, WORKFLOW } from "../../../tests/support/workflow/engine-run.ts";

const CALLED = ".github/workflows/called.yml";
const step = (run: string) => `runs-on: ubuntu-latest\n    steps: [{run: '${run}'}]`;

test("a called workflow gets typed inputs, its secrets, the caller's github context, and returns outputs", async () => {
  const { run, log, exit } = await engineRun({
    secrets: { TOKEN: "hunter2hunter2", OTHER: "other-secret" },
    request: { vars: { V: "var" } },
    files: {
      [WORKFLOW]: `
name: Caller
on: push
jobs:
  release:
    uses: ./${CALLED}
    with: {count: 3, loud: true, who: "\${{ github.ref_name }}"}
    secrets: {key: "\${{ secrets.TOKEN }}"}
  after:
    needs: release
    ${step("echo got ${{ needs.release.outputs.said }} ${{ needs.release.result }}")}
`,
      [CALLED]: `
name: Called
on:
  workflow_call:
    inputs:
      count: {type: number, required: true}
      loud: {type: boolean, default: false}
      who: {type: string}
      more: {type: string, default: "by \${{ github.actor }}"}
    secrets:
      key: {required: true}
    outputs:
      said: {value: "\${{ jobs.say.outputs.said }}!"}
jobs:
  say:
    name: Say it
    outputs: {said: "\${{ steps.s.outputs.said }}"}
    runs-on: ubuntu-latest
    steps:
      - id: s
        run: |
          echo "said=\${{ inputs.count + 0 == 3 && inputs.loud == true }} \${{ inputs.who }} \${{ inputs.more }}" >> $GITHUB_OUTPUT
          test "\${{ secrets.key }}" = hunter2hunter2 -a -z "\${{ secrets.OTHER }}"
          test "\${{ github.workflow }} \${{ vars.V }} $GITHUB_JOB" = "Caller var say"
`.replace("inputs.count + 0", "inputs.count"),
    },
  });
  expect(log.filter((line) => line.startsWith("[after] got"))).toEqual([
    "[after] got true main by nobody! success",
  ]);
  expect(run.jobs.map(({ key, id, name }) => [key, id, name])).toEqual([
    ["release / say", "release/say", "release / Say it"],
    ["after", "after", "after"],
  ]);
  expect(exit).toBe(0);
});

test("secrets: inherit gives all; a caller's matrix gives one call each; calls nest", async () => {
  const { run, exit } = await engineRun({
    secrets: { TOKEN: "hunter2hunter2" },
    files: {
      [WORKFLOW]: `
on: push
jobs:
  a:
    strategy: {matrix: {v: [1, 2]}}
    uses: ./${CALLED}
    with: {v: "\${{ matrix.v }}"}
    secrets: inherit
`,
      [CALLED]: `
on: {workflow_call: {inputs: {v: {type: string}}}}
jobs:
  b:
    uses: ./.github/workflows/deep.yml
    secrets: inherit
    with: {v: "\${{ inputs.v }}"}
`,
      ".github/workflows/deep.yml": `
on: {workflow_call: {inputs: {v: {type: string}}}}
jobs:
  c:
    ${step('test "${{ secrets.TOKEN }}" = hunter2hunter2 -a "${{ inputs.v }}" != ""')}
  d:
    needs: c
    if: inputs.v == '2'
    ${step("exit 1")}
`,
    },
  });
  expect(conclusions(run)).toEqual({
    "a (1) / b / c": "success",
    "a (1) / b / d": "skipped",
    "a (2) / b / c": "success",
    "a (2) / b / d": "failure",
  });
  expect(exit).toBe(1);
});

test("a call that is skipped appears as one job", async () => {
  const { run } = await engineRun({
    files: {
      [WORKFLOW]: `on: push\njobs:\n  a:\n    if: false\n    uses: ./${CALLED}`,
      [CALLED]: `on: workflow_call\njobs:\n  b:\n    ${step("true")}`,
    },
  });
  expect(conclusions(run)).toEqual({ a: "skipped" });
});

test("everything that is wrong with calls is said before anything runs", async () => {
  const { exit, run } = await engineRun({
    files: {
      [WORKFLOW]: `on: push
jobs:
  one:
    uses: ./${CALLED}
    with: {extra: 1}
    secrets: {more: x}
  two:
    uses: ./.github/workflows/missing.yml
  three:
    uses: ./.github/workflows/plain.yml
  four:
    uses: ./${WORKFLOW}
`,
      [CALLED]: `
on: {workflow_call: {inputs: {v: {type: string, required: true}}, secrets: {key: {required: true}}}}
jobs:
  b:
    ${step("true")}
`,
      ".github/workflows/plain.yml": `on: push\njobs:\n  b:\n    ${step("true")}`,
    },
  });
  expect(exit).toBe(65);
  expect(run.jobs).toEqual([]);
  const said = run.annotations.map(({ file, line, message }) => `${file}:${line} ${message}`).join("\n");
  for (const part of [
    `${WORKFLOW}:5 Invalid input, extra is not defined in the referenced workflow`,
    `${WORKFLOW}:4 Input v is required, but not provided while calling`,
    `${WORKFLOW}:6 Invalid secret, more is not defined`,
    `${WORKFLOW}:4 Secret key is required`,
    "There is no workflow file .github/workflows/missing.yml",
    `${WORKFLOW}:10 The workflow .github/workflows/plain.yml is not reusable`,
    "Workflows call each other in a circle",
  ]) {
    expect(said).toContain(part);
  }
});

test("inputs of a dispatched workflow have their types; wrong ones are refused with their place", async () => {
  const files = {
    [WORKFLOW]: `
on:
  workflow_dispatch:
    inputs:
      level: {type: choice, options: [low, high], default: low}
      dry: {type: boolean}
      name: {required: true}
run-name: Deploy \${{ inputs.name }} by @\${{ github.actor }}
jobs:
  a:
    ${step('test "${{ inputs.level }} ${{ inputs.dry == true }} ${{ github.event.inputs.dry }}" = "high true true"')}
`,
  };
  const inputs = { level: "high", dry: "true", name: "web" };
  const good = await engineRun({ files, request: { event: "workflow_dispatch", inputs, actor: "jo" } });
  expect([good.exit, good.run.name]).toEqual([0, "Deploy web by @jo"]);
  const bad = await engineRun({ files, request: { event: "workflow_dispatch", inputs: { level: "no" } } });
  expect(bad.exit).toBe(65);
  expect(bad.run.annotations.map(({ message, line }) => `${line} ${message}`)).toEqual([
    expect.stringContaining("The input 'level' must be one of its options"),
    expect.stringContaining("The required input 'name' is missing"),
  ]);
});
