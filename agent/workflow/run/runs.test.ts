import { expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { basename } from "node:path";
import { makeScratch } from "../../../tests/support/scratch.ts";
import { conclusions, engineRun, WORKFLOW } from "../../../tests/support/workflow/engine-run.ts";

const one = (on: string, script: string) =>
  `on: ${on}\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{run: '${script}'}]`;

test("a workflow that the event does not trigger is skipped, and the run says why", async () => {
  const files = { [WORKFLOW]: one("{push: {branches: [main]}}", "exit 1") };
  const { exit, run } = await engineRun({ files, request: { payload: { ref: "refs/heads/other" } } });
  expect([exit, run.conclusion]).toEqual([0, "skipped"]);
  expect(run.annotations[0]?.message).toBe(
    "The workflow does not run: other is not among its branches: main.",
  );
  // The filters apply to what the event says, not to the branch that happens to be checked out.
  expect((await engineRun({ files, request: { ref: "refs/heads/other" } })).exit).toBe(1);
});

test("a cancel ends the steps and runs those with always(), and the run exits with 130", async () => {
  const cancel = new AbortController();
  const { exit, run, log } = await engineRun({
    signal: cancel.signal,
    onLine: (line) => line.includes("started") && cancel.abort(),
    files: {
      [WORKFLOW]: `
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - run: trap "exit 3" INT; echo started; sleep 60 & wait
      - run: echo never
      - {run: echo cleaned, if: always()}
  b:
    needs: a
    runs-on: ubuntu-latest
    steps: [{run: echo never}]
  c:
    needs: a
    if: cancelled()
    runs-on: ubuntu-latest
    steps: [{run: echo last words}]
`,
    },
  });
  expect([exit, run.conclusion]).toEqual([130, "cancelled"]);
  expect(conclusions(run)).toMatchObject({ a: "cancelled", b: "skipped", c: "success" });
  expect(log).toContain("[a] cleaned");
  expect(log).toContain("[c] last words");
  expect(log.join("\n")).not.toContain("] never");
});

test("a second cancel ends the run at once, with all its processes", async () => {
  const [cancel, hurry] = [new AbortController(), new AbortController()];
  const marker = `30${process.pid % 1_000}.${Date.now() % 1_000}`;
  const { exit, run, left } = await engineRun({
    signal: cancel.signal,
    hurry: hurry.signal,
    onLine: (line) => {
      if (!line.startsWith("started")) return;
      cancel.abort();
      hurry.abort();
    },
    files: { [WORKFLOW]: one("push", `trap "" INT TERM; echo started; sleep ${marker}`) },
  });
  expect([exit, left]).toEqual([130, []]);
  expect(run.jobs[0]).toMatchObject({ conclusion: "cancelled", status: "completed" });
  expect(Bun.spawnSync(["pgrep", "-f", `sleep ${marker}`]).stdout.toString()).toBe("");
});

test("jobs of one run share a concurrency group: one runs, one waits, the others are cancelled", async () => {
  const { run, exit } = await engineRun({
    files: {
      [WORKFLOW]: `
on: push
jobs:
  m:
    strategy: {matrix: {v: [1, 2, 3]}}
    concurrency: deploy
    runs-on: ubuntu-latest
    steps: [{run: sleep 0.5}]
`,
    },
  });
  expect(Object.values(conclusions(run)).sort()).toEqual(["cancelled", "success", "success"]);
  expect(run.jobs.find(({ conclusion }) => conclusion === "cancelled")?.message).toContain(
    "Canceling since a higher priority waiting request for 'deploy' exists",
  );
  expect(exit).toBe(130);
});

test("a run cancels the one before it in its group on this node with cancel-in-progress", async () => {
  await using scratch = await makeScratch();
  await mkdir(scratch.join("cache"));
  const plan = { cacheDirectory: scratch.join("cache") };
  const files = (script: string) => ({
    [WORKFLOW]: `${one("push", script)}\nconcurrency: {group: "g-\${{ github.ref }}", cancel-in-progress: true}`,
  });
  const started = Promise.withResolvers<void>();
  const first = engineRun({
    plan,
    files: files("echo started; sleep 60"),
    onLine: (line) => line.includes("started") && started.resolve(),
  });
  await started.promise;
  const second = await engineRun({ plan, files: files("true") });
  const { run } = await first;
  expect([run.conclusion, second.run.conclusion]).toEqual(["cancelled", "success"]);
  const message = "Canceling since a higher priority waiting request for 'g-refs/heads/main' exists";
  expect(run.annotations).toEqual([{ level: "failure", message }]);
});

test("a job in the group of its own workflow is cancelled instead of waiting for ever", async () => {
  const { run } = await engineRun({
    files: { [WORKFLOW]: `${one("push", "true")}\n    concurrency: same\nconcurrency: same` },
  });
  expect(run.jobs[0]).toMatchObject({
    conclusion: "cancelled",
    message: expect.stringContaining("deadlock"),
  });
});

test("a rerun keeps what succeeded and its outputs, and runs the rest with what needs it", async () => {
  const files = {
    [WORKFLOW]: `
on: push
jobs:
  a:
    outputs: {x: "\${{ steps.s.outputs.x }}"}
    runs-on: ubuntu-latest
    steps: [{id: s, run: "echo x=first-\${{ github.run_attempt }} >> $GITHUB_OUTPUT"}]
  b:
    needs: a
    strategy: {matrix: {v: [1, 2]}, fail-fast: false}
    runs-on: ubuntu-latest
    steps: [{run: "echo \${{ matrix.v }} \${{ needs.a.outputs.x }}; test \${{ matrix.v }} = 1 -o \${{ github.run_attempt }} = 2"}]
  c:
    needs: b
    runs-on: ubuntu-latest
    steps: [{run: "true"}]
  d:
    needs: b
    if: always()
    runs-on: ubuntu-latest
    steps: [{run: "echo again"}]
`,
  };
  const first = await engineRun({ files });
  expect(conclusions(first.run)).toEqual({
    ...{ a: "success", "b (1)": "success", "b (2)": "failure", c: "skipped", d: "success" },
  });
  const again = await engineRun({ files, plan: { attempt: 2, previous: first.run } });
  expect(conclusions(again.run)).toEqual({
    ...{ a: "success", "b (1)": "success", "b (2)": "success", c: "success", d: "success" },
  });
  expect(again.exit).toBe(0);
  expect(again.log).toContain("[b (2)] 2 first-1");
  expect(again.log.filter((line) => /^\[(a|b \(1\))\]/.test(line))).toEqual([
    "[a] ✓ a  succeeded in the attempt before",
    "[b (1)] ✓ b (1)  succeeded in the attempt before",
  ]);
  expect(again.run.jobs.find(({ key }) => key === "a")).toEqual(
    first.run.jobs.find(({ key }) => key === "a"),
  );
});

test("a rerun also keeps what succeeded in a called workflow", async () => {
  const files = {
    [WORKFLOW]: `
on: push
jobs:
  call: {uses: ./.github/workflows/called.yml}
  after:
    needs: call
    runs-on: ubuntu-latest
    steps: [{run: "test \${{ needs.call.outputs.x }} = kept"}]
`,
    ".github/workflows/called.yml": `
on: {workflow_call: {outputs: {x: {value: "\${{ jobs.good.outputs.x }}"}}}}
jobs:
  good:
    outputs: {x: kept}
    runs-on: ubuntu-latest
    steps: [{run: "echo ran good"}]
  bad:
    runs-on: ubuntu-latest
    steps: [{run: "test \${{ github.run_attempt }} = 2"}]
`,
  };
  const first = await engineRun({ files });
  expect(conclusions(first.run)).toEqual({
    "call / good": "success",
    "call / bad": "failure",
    after: "skipped",
  });
  const again = await engineRun({ files, plan: { attempt: 2, previous: first.run } });
  expect(conclusions(again.run)).toEqual({
    "call / good": "success",
    "call / bad": "success",
    after: "success",
  });
  expect(again.log.join("\n")).not.toContain("ran good\n");
});

test("a repository is cloned at a branch, a tag or a commit", async () => {
  await using scratch = await makeScratch();
  const script = `
    git init -q -b main . && mkdir -p .github/workflows && printf '%s' "$WORKFLOW" > ${WORKFLOW}
    git add -A && git -c user.name=a -c user.email=a@b commit -qm one && git tag v1
    echo two > file && git add -A && git -c user.name=a -c user.email=a@b commit -qm two && git rev-parse v1 HEAD`;
  const text = one("push", "echo ref $GITHUB_REF $GITHUB_SHA; basename $GITHUB_REPOSITORY");
  const made = Bun.spawnSync(["sh", "-ec", script], {
    cwd: scratch.path,
    env: { ...process.env, WORKFLOW: text },
  });
  const [old = "", head = ""] = made.stdout.toString().trim().split("\n");
  const url = `file://${scratch.path}`;
  const clone = async (ref?: string) => {
    const { exit, log, run } = await engineRun({
      files: {},
      request: { clone: { url, ...(ref ? { ref } : {}) } },
    });
    const name = log[log.findIndex((line) => line.startsWith("ref ")) + 1];
    return { exit, name, said: log.find((line) => line.startsWith("ref ")), annotations: run.annotations };
  };
  expect((await clone()).said).toBe(`ref refs/heads/main ${head}`);
  expect((await clone("v1")).said).toBe(`ref refs/tags/v1 ${old}`);
  expect((await clone(old)).said).toBe(`ref refs/tags/v1 ${old}`);
  expect((await clone()).name).toBe(basename(scratch.path));
  const missing = await clone("nowhere");
  expect(missing.exit).toBe(1);
  expect(missing.annotations[0]?.message).toMatch(/^Cannot clone file:.* at nowhere: .*nowhere/);
});

test("a directory of caches that cannot be made is named", async () => {
  await using scratch = await makeScratch();
  await Bun.write(scratch.join("file"), "");
  const plan = { cacheDirectory: scratch.join("file", "cache") };
  const { exit, run } = await engineRun({ plan, files: { [WORKFLOW]: one("push", "true") } });
  expect(exit).toBe(1);
  expect(run.annotations[0]?.message).toMatch(
    /^The directory of caches cannot be used: .*Make .*file\/cache writable/,
  );
});

test("events have likely payloads, and what was given counts", async () => {
  const { exit, log } = await engineRun({
    files: {
      [WORKFLOW]: one(
        "pull_request",
        'echo pr ${{ github.event.action }} ${{ github.event.number }} ${{ github.head_ref }} ${{ github.base_ref }} $GITHUB_REF ${{ github.event.pull_request.title }}; cmp <(cat $GITHUB_EVENT_PATH) <(cat "${{ github.event_path }}")',
      ).replace("runs-on", "defaults: {run: {shell: bash}}\n    runs-on"),
    },
    request: {
      event: "pull_request",
      payload: { action: "reopened", number: 7, pull_request: { title: "Mine", head: { ref: "topic" } } },
    },
  });
  expect(log).toContain("pr reopened 7 topic main refs/pull/7/merge Mine");
  expect(exit).toBe(0);
});
