import { expect, test } from "bun:test";
import { playJob } from "../../../tests/support/played-job.ts";
import { isDead, processStat } from "../../process/process-table.ts";

test("a step that takes too long ends, with the message of GitHub's runner", async () => {
  const { conclusion, annotations, steps, job } = await playJob(`
- name: slow
  timeout-minutes: 0.005
  run: sleep 60
- if: failure()
  run: echo "\${{ job.status }}"
`);
  expect(conclusion).toBe("failure");
  expect(annotations).toEqual(["failure: The action 'slow' has timed out after 0.005 minutes."]);
  expect(steps.slice(1, 3)).toEqual(["slow: failure", 'Run echo "failure": success']);
  expect(job.steps[1]).toMatchObject({ outcome: "failure" });
});

test("after a cancel, steps run that ask for it, and the job is cancelled", async () => {
  const cancel = new AbortController();
  const { conclusion, log, steps, annotations } = await playJob(
    `
- name: running
  run: |
    trap 'echo got INT; exit 0' INT
    echo ready
    sleep 60
- run: echo no
- if: failure()
  run: echo no
- name: always
  if: always()
  run: echo "always \${{ job.status }}"
- name: cancelled
  if: cancelled()
  run: echo cancelled
`,
    { cancel: cancel.signal, onLine: (line) => line === "ready" && cancel.abort() },
  );
  expect(conclusion).toBe("cancelled");
  expect(log).toEqual(["ready", "got INT", "always cancelled", "cancelled"]);
  expect(annotations).toEqual(["failure: The operation was canceled."]);
  expect(steps).toEqual([
    "Set up job: success",
    "running: cancelled",
    "Run echo no: skipped",
    "Run echo no: skipped",
    "always: success",
    "cancelled: success",
    "Complete job: success",
  ]);
});

test("a step whose condition holds for a cancelled job runs to its end", async () => {
  const cancel = new AbortController();
  const { conclusion, log } = await playJob(
    `
- if: always()
  run: |
    echo ready
    sleep 0.3
    echo done
`,
    { cancel: cancel.signal, onLine: (line) => line === "ready" && cancel.abort() },
  );
  expect(conclusion).toBe("cancelled");
  expect(log).toEqual(["ready", "done"]);
});

test("a job that takes too long is cancelled", async () => {
  const { conclusion, annotations, steps } = await playJob(
    `
- name: slow
  run: sleep 60
- name: cleanup
  if: always()
  run: echo
`,
    { timeoutMs: 300 },
  );
  expect(conclusion).toBe("cancelled");
  expect(annotations[0]).toBe("failure: The job has exceeded the maximum execution time of 0.005 minutes.");
  expect(steps.slice(1, 3)).toEqual(["slow: cancelled", "cleanup: success"]);
});

test("what a step leaves running goes on until the job ends, and is dead then", async () => {
  const { log, conclusion } = await playJob(`
- run: |
    sleep 300 &
    echo "pid=$!" >> "$GITHUB_ENV"
    setsid sleep 301 &
    echo "far=$!" >> "$GITHUB_ENV"
- run: |
    kill -0 "$pid" && kill -0 "$far"
    echo "$pid $far"
`);
  expect(conclusion).toBe("success");
  const pids = (log[0] ?? "").split(" ").map(Number);
  expect(pids).toHaveLength(2);
  expect(pids.map((pid) => isDead(processStat(pid)))).toEqual([true, true]);
});

test("a step that ignores signals is killed with all that it started", async () => {
  const cancel = new AbortController();
  const { log } = await playJob(
    `
- run: |
    trap '' INT TERM
    (trap '' INT TERM; sleep 300) &
    echo "$!"
    wait
`,
    { cancel: cancel.signal, onLine: () => cancel.abort() },
  );
  expect(isDead(processStat(Number(log[0])))).toBe(true);
});

test("in a hurry, processes are killed at once and no other step runs", async () => {
  const hurry = new AbortController();
  const startMs = performance.now();
  const { conclusion, log, steps } = await playJob(
    `
- name: stubborn
  run: |
    trap '' INT TERM
    echo ready
    sleep 300
- if: always()
  run: echo no
`,
    { hurry: hurry.signal, onLine: (line) => line === "ready" && hurry.abort() },
  );
  expect(performance.now() - startMs).toBeLessThan(5_000);
  expect(conclusion).toBe("cancelled");
  expect(log).toEqual(["ready"]);
  expect(steps).toEqual(["Set up job: success", "stubborn: cancelled", "Complete job: success"]);
});
