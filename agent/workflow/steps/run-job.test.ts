import { expect, test } from "bun:test";
import { playJob } from "../../../tests/support/played-job.ts";

test("steps run in order with what the ones before them set", async () => {
  const { conclusion, steps, log } = await playJob(`
- run: echo "NAME=world" >> "$GITHUB_ENV"
- id: greet
  run: |
    echo "hello $NAME"
    echo "text=bye" >> "$GITHUB_OUTPUT"
- name: say \${{ steps.greet.outputs.text }}
  run: echo "\${{ env.NAME }} \${{ steps.greet.outcome }}"
`);
  expect(conclusion).toBe("success");
  expect(log).toEqual(["hello world", "world success"]);
  expect(steps).toEqual([
    "Set up job: success",
    'Run echo "NAME=world" >> "$GITHUB_ENV": success',
    'Run echo "hello $NAME": success',
    "say bye: success",
    "Complete job: success",
  ]);
});

test("after a failed step only steps that ask for it run, and the job fails", async () => {
  const { conclusion, steps, annotations } = await playJob(`
- run: exit 3
- run: echo no
- name: cleanup
  if: always()
  run: echo yes
- name: report
  if: failure()
  run: echo yes
`);
  expect(conclusion).toBe("failure");
  expect(steps.slice(1, -1)).toEqual([
    "Run exit 3: failure",
    "Run echo no: skipped",
    "cleanup: success",
    "report: success",
  ]);
  expect(annotations).toEqual(["failure: Process completed with exit code 3."]);
});

test("names are evaluated when a step runs; a step that does not run keeps what was not known before", async () => {
  const { steps } = await playJob(
    `
- id: a
  run: echo "v=1" >> "$GITHUB_OUTPUT"
- name: "v is \${{ steps.a.outputs.v }} on \${{ github.ref_name }}"
  run: echo
- name: "it's {\${{ steps.a.outputs.v }}} \${{ github.ref_name }}"
  if: false
  run: echo
- if: false
  run: |

    echo \${{ github.ref_name }}
    second line
- name: \${{ steps.a.outputs.v }}
  if: false
  run: echo
- name: \${{ steps.a.outputs.missing }}
  run: "  : empty"
`,
    { contexts: { github: { ref_name: "main" } } },
  );
  expect(steps.slice(2, -1)).toEqual([
    "v is 1 on main: success",
    "it's {${{ steps.a.outputs.v }}} ${{ github.ref_name }}: skipped",
    "Run echo main: skipped",
    "${{ steps.a.outputs.v }}: skipped",
    "Run : empty: success",
  ]);
});

test("what a step cannot evaluate fails it, and the job goes on as after any failure", async () => {
  const { steps, annotations, conclusion } = await playJob(`
- name: env
  env: { A: "\${{ fromJSON('{') }}" }
  run: echo
- name: if
  if: always() && fromJSON('[')
  run: echo
- name: run
  if: always()
  run: echo \${{ fromJSON('x') }}
- name: continue
  if: always()
  continue-on-error: \${{ fromJSON('true') }}
  run: exit 1
- name: last
  if: failure()
  run: echo
`);
  expect(conclusion).toBe("failure");
  expect(steps.slice(1, -1)).toEqual([
    "env: failure",
    "if: failure",
    "run: failure",
    "continue: success",
    "last: success",
  ]);
  expect(annotations).toHaveLength(4);
});

test("the job's outputs are those of its steps, without those that hold a secret", async () => {
  const { outputs, annotations } = await playJob(
    `
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    outputs:
      plain: \${{ steps.s.outputs.a }}
      secret: x\${{ steps.s.outputs.b }}
      none: \${{ steps.s.outputs.c }}
    steps:
      - id: s
        run: |
          echo "a=1" >> "$GITHUB_OUTPUT"
          echo "b=$T" >> "$GITHUB_OUTPUT"
          exit 1
        env: { T: "\${{ secrets.T }}" }
`,
    { secrets: { T: "hidden-value" } },
  );
  expect(outputs).toEqual({ plain: "1" });
  expect(annotations.at(-1)).toBe("warning: Skip output 'secret' since it may contain secret.");
});

test("variables: --env, the workflow, the job, GITHUB_ENV, the step, and GitHub's own, which nobody can change but CI", async () => {
  const { log } = await playJob(
    `
on: push
env: { A: workflow, B: workflow, G: workflow }
jobs:
  a:
    runs-on: ubuntu-latest
    env: { B: job, C: job, D: job, CI: "off", GITHUB_WORKSPACE: mine }
    steps:
      - run: |
          echo "C=file" >> "$GITHUB_ENV"
          echo "D=file" >> "$GITHUB_ENV"
          echo "RUNNER_OS=mine" >> "$GITHUB_ENV"
      - env: { D: step, E: "\${{ env.C }}" }
        run: |
          echo "$A $B $C $D $E $F $G $CI $RUNNER_OS \${GITHUB_WORKSPACE##*/} \${{ env.D }}"
`,
    { givenEnv: { A: "given", F: "given", G: "given" } },
  );
  expect(log).toEqual(["workflow job file step file given workflow off Linux workspace step"]);
});

test("an action that is missing fails Set up job, and nothing runs", async () => {
  const { steps, annotations, conclusion } = await playJob(`
- run: echo
- uses: owner/missing@v1
`);
  expect(conclusion).toBe("failure");
  expect(steps).toEqual(["Set up job: failure", "Complete job: success"]);
  expect(annotations).toEqual(["failure: The action owner/missing@v1 was not found."]);
});
