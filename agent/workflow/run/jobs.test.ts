import { expect, test } from "bun:test";
import { conclusions, engineRun, WORKFLOW } from "../../../tests/support/workflow/engine-run.ts";

/** Runs the jobs of a workflow, which `on: push` triggers; each gets `runs-on: ubuntu-latest` if it has steps. */
async function run(jobs: string, options: Partial<Parameters<typeof engineRun>[0]> = {}) {
  const text = jobs.replace(/^( *)steps:/gm, "$1runs-on: ubuntu-latest\n$1steps:");
  const done = await engineRun({ ...options, files: { [WORKFLOW]: `on: push\n${text}`, ...options.files } });
  return { ...done, ends: conclusions(done.run) };
}

test("success() and failure() look at all jobs above, cancelled() at the run", async () => {
  const { ends, exit } = await run(`
jobs:
  bad:
    steps: [{run: exit 1}]
  skipped:
    needs: bad
    steps: [{run: "true"}]
  cleanup:
    needs: bad
    if: always()
    steps: [{run: "test \${{ needs.bad.result }} = failure"}]
  after-cleanup:
    needs: cleanup
    steps: [{run: "true"}]
  on-failure:
    needs: cleanup
    if: failure()
    steps: [{run: "true"}]
  not-cancelled:
    needs: [bad, skipped]
    if: \${{ !cancelled() && needs.skipped.result == 'skipped' }}
    steps: [{run: "true"}]
  on-cancel:
    needs: bad
    if: cancelled()
    steps: [{run: "true"}]
`);
  expect(ends).toEqual({
    bad: "failure",
    skipped: "skipped",
    cleanup: "success",
    "after-cleanup": "skipped",
    "on-failure": "success",
    "not-cancelled": "success",
    "on-cancel": "skipped",
  });
  expect(exit).toBe(1);
});

test("a job with continue-on-error that fails counts as success", async () => {
  const {
    ends,
    exit,
    run: tree,
  } = await run(`
jobs:
  bad:
    continue-on-error: true
    steps: [{run: exit 1}]
  next:
    needs: bad
    steps: [{run: "test \${{ needs.bad.result }} = success"}]
`);
  expect(ends).toEqual({ bad: "failure", next: "success" });
  expect(tree.jobs[0]?.continueOnError).toBe(true);
  expect(exit).toBe(0);
});

test("fail-fast cancels the other combinations; one with continue-on-error does not", async () => {
  const matrix = (extra: string) => `
jobs:
  m:
    strategy:
      matrix: {v: [bad, slow]}
      ${extra}
    continue-on-error: \${{ matrix.v == 'excused' }}
    steps: [{run: "if [ \${{ matrix.v }} = slow ]; then sleep 2; else exit 1; fi"}]
`;
  expect((await run(matrix(""))).ends).toEqual({ "m (bad)": "failure", "m (slow)": "cancelled" });
  expect((await run(matrix("fail-fast: false"))).ends).toEqual({
    "m (bad)": "failure",
    "m (slow)": "success",
  });
  const excused = matrix("").replaceAll("bad", "excused");
  const { ends, exit } = await run(excused);
  expect(ends).toEqual({ "m (excused)": "failure", "m (slow)": "success" });
  expect(exit).toBe(0);
});

test("max-parallel bounds how many combinations run at once", async () => {
  const { run: tree } = await run(`
jobs:
  m:
    strategy:
      matrix: {v: [1, 2, 3]}
      max-parallel: 1
    steps: [{run: sleep 0.1}]
`);
  const spans = tree.jobs.map(({ startedAt = "", completedAt = "" }) => [startedAt, completedAt]).sort();
  expect(spans).toHaveLength(3);
  for (const [at, span] of spans.slice(1).entries()) {
    expect((span[0] ?? "") >= (spans[at]?.[1] ?? "z")).toBe(true);
  }
});

test("a wish for combinations that no matrix has fails the run and says so", async () => {
  const jobs = "jobs:\n  m:\n    strategy: {matrix: {v: [1, 2]}}\n    steps: [{run: echo ok}]\n";
  const asked = async (matrix: Record<string, string[]>) => {
    const { exit, run: tree } = await run(jobs, { request: { matrix } });
    return [exit, ...tree.annotations.map(({ message }) => message)];
  };
  expect(await asked({ v: ["2"] })).toEqual([0]);
  expect(await asked({ v: ["9"] })).toEqual([1, "No combination of a matrix that ran has v=9."]);
  expect(await asked({ w: ["1", "2"] })).toEqual([1, "No combination of a matrix that ran has w=1 or w=2."]);
});

test("a matrix may come from an output; an empty one fails the job in GitHub's words", async () => {
  const { ends, run: tree } = await run(`
jobs:
  make:
    outputs: {list: "\${{ steps.l.outputs.list }}", none: "[]"}
    steps: [{id: l, run: "echo 'list=[{\\"a\\": 1}, {\\"a\\": 2}]' >> $GITHUB_OUTPUT"}]
  use:
    needs: make
    strategy: {matrix: {include: "\${{ fromJSON(needs.make.outputs.list) }}"}}
    steps: [{run: "test \${{ matrix.a }} -gt \${{ strategy.job-index }}"}]
  empty:
    needs: make
    strategy: {matrix: {v: "\${{ fromJSON(needs.make.outputs.none) }}"}}
    steps: [{run: "true"}]
`);
  expect(ends).toEqual({ make: "success", "use (1)": "success", "use (2)": "success", empty: "failure" });
  const { annotations, steps } = tree.jobs.find(({ key }) => key === "empty") ?? {};
  expect(annotations?.[0]?.message).toMatch(
    /^Error when evaluating 'strategy' for job 'empty'. \.github\/workflows\/ci\.yml \(Line: \d+, Col: \d+\): Matrix vector 'v' does not contain any values$/,
  );
  expect(steps).toMatchObject([{ name: "Set up job", conclusion: "failure" }]);
});

test("the strategy context has the place of the combination", async () => {
  const { ends } = await run(`
jobs:
  m:
    strategy: {matrix: {v: [a, b]}, fail-fast: false, max-parallel: 2}
    steps:
      - run: test "\${{ strategy.job-index }} \${{ strategy.job-total }} \${{ strategy.fail-fast }} \${{ strategy.max-parallel }}" = "\${{ matrix.v == 'a' && '0' || '1' }} 2 false 2"
  one:
    steps:
      - run: test "\${{ strategy.job-index }} \${{ strategy.job-total }} \${{ strategy.fail-fast }} \${{ strategy.max-parallel }}" = "0 1 true 1"
`);
  expect(ends).toEqual({ "m (a)": "success", "m (b)": "success", one: "success" });
});

test("jobs are named by their name, with the combination unless the name has expressions", async () => {
  const { run: tree } = await run(`
jobs:
  plain:
    strategy: {matrix: {v: [1]}}
    steps: [{run: "true"}]
  named:
    name: Named
    strategy: {matrix: {v: [1]}}
    steps: [{run: "true"}]
  made:
    name: Made of \${{ matrix.v }}
    strategy: {matrix: {v: [1]}}
    steps: [{run: "true"}]
`);
  expect(tree.jobs.map(({ key, name }) => [key, name]).sort()).toEqual([
    ["made (1)", "Made of 1"],
    ["named (1)", "Named (1)"],
    ["plain (1)", "plain (1)"],
  ]);
});

test("--job runs the job and those that it needs; --matrix only some combinations", async () => {
  const jobs = `
jobs:
  a:
    steps: [{run: "true"}]
  b:
    needs: a
    strategy: {matrix: {v: [1, 2]}}
    steps: [{run: "true"}]
  c:
    needs: b
    steps: [{run: "true"}]
`;
  const { ends } = await run(jobs, { request: { jobs: ["b"], matrix: { v: ["2"] } } });
  expect(ends).toEqual({ a: "success", "b (2)": "success" });
  const unknown = await run(jobs, { request: { jobs: ["x"] } });
  expect(unknown.exit).toBe(65);
  expect(unknown.run.annotations[0]?.message).toBe("The workflow has no job 'x'. Its jobs: a, b, c.");
});

test("a job that this node cannot run fails in its first step", async () => {
  const { run: tree, exit } = await engineRun({
    files: {
      [WORKFLOW]: "on: push\njobs: {a: {runs-on: [self-hosted, mainframe], steps: [{run: echo hi}]}}",
    },
  });
  expect(exit).toBe(1);
  expect(tree.jobs).toMatchObject([
    {
      key: "a",
      conclusion: "failure",
      steps: [{ number: 1, name: "Set up job", kind: "setup", conclusion: "failure" }],
      annotations: [{ level: "failure", step: 1, message: expect.stringContaining("runs-on mainframe") }],
    },
  ]);
});

test("a job out of time is cancelled, and the run fails", async () => {
  const {
    ends,
    exit,
    run: tree,
  } = await run(`
jobs:
  slow:
    timeout-minutes: 0.005
    steps: [{run: sleep 5}]
  next:
    needs: slow
    steps: [{run: "true"}]
`);
  expect(ends).toEqual({ slow: "cancelled", next: "skipped" });
  expect(tree.conclusion).toBe("failure");
  expect(exit).toBe(1);
});

test("an output with a secret in it does not reach other jobs, and nothing shows the secret", async () => {
  const { log, run: tree } = await run(
    `
jobs:
  a:
    outputs: {x: "\${{ steps.s.outputs.x }}", y: plain}
    steps: [{id: s, name: "Use \${{ secrets.TOKEN }}", run: "echo x=$T | tee -a $GITHUB_OUTPUT", env: {T: "\${{ secrets.TOKEN }}"}}]
  b:
    needs: a
    steps: [{run: "echo got [\${{ needs.a.outputs.x }}] \${{ needs.a.outputs.y }}"}]
`,
    { secrets: { TOKEN: "hunter2hunter2" } },
  );
  expect(JSON.stringify([log, tree])).not.toContain("hunter2");
  expect(log).toContain("[b] got [] plain");
});

test("the environment of a job has its name, and its address once the steps have run", async () => {
  const { run: tree } = await run(`
jobs:
  a:
    environment: {name: "prod-\${{ github.ref_name }}", url: "https://\${{ steps.d.outputs.host }}/"}
    steps: [{id: d, run: "echo host=example.com >> $GITHUB_OUTPUT"}]
`);
  expect(tree.jobs[0]?.environment).toEqual({ name: "prod-main", url: "https://example.com/" });
});

test("an if that cannot be evaluated fails its job", async () => {
  const { ends, exit } = await run(`
jobs:
  a:
    if: fromJSON('{')
    steps: [{run: "true"}]
`);
  expect(ends).toEqual({ a: "failure" });
  expect(exit).toBe(1);
});

test("nothing is left of the directories of jobs, unless a failed run is kept", async () => {
  const jobs = "jobs:\n  a:\n    steps: [{run: touch x && exit 1}]";
  expect((await run(jobs)).left).toEqual([]);
  const kept = await run(jobs, { request: { keepOnFailure: true } });
  expect(kept.left).toEqual(["_work"]);
  expect(kept.run.keptDirectory).toBeString();
});

test("ids of jobs do not differ by upper and lower case", async () => {
  const jobs = `
jobs:
  Build:
    outputs: {x: "1"}
    steps: [{run: sleep 0.1}]
  test:
    needs: build
    steps: [{run: "test \${{ needs.build.outputs.x }} = 1"}]
`;
  expect((await run(jobs)).ends).toEqual({ Build: "success", test: "success" });
  expect((await run(jobs, { request: { jobs: ["BUILD"] } })).ends).toEqual({ Build: "success" });
});
