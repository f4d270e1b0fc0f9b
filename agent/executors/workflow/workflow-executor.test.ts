import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assignmentOf } from "../../../tests/support/agent/assignment.ts";
import { waitFor } from "../../../tests/support/wait.ts";
import type { Play } from "../../../tests/support/workflow/played-engine.ts";
import { allowedEnvironment } from "../../process/environment.ts";
import type { RunningTask, WorkflowTask } from "../port/executor.ts";
import { ShellExecutor } from "../shell/shell-executor.ts";
import { WorkflowExecutor } from "./workflow-executor.ts";

const root = mkdtempSync(join(tmpdir(), "workflow-executor-"));
const shell = new ShellExecutor();
const engine = join(import.meta.dirname, "../../../tests/support/workflow/played-engine.ts");
const executor = new WorkflowExecutor(shell, [process.execPath, engine]);
afterAll(async () => {
  await shell.close();
  rmSync(root, { recursive: true, force: true });
});

let count = 0;

async function start(play: Play, given: Partial<WorkflowTask> = {}) {
  const dir = join(root, String(count++));
  mkdirSync(join(dir, "actions"), { recursive: true });
  const said: string[] = [];
  const assignment = assignmentOf({
    type: "GITHUB_ACTION",
    workflow: { path: ".github/workflows/ci.yml", vars: { PLAY: JSON.stringify(play) } },
    inputs: [{ from: "artifact:art_00000000000000000000000001", to: "source" }],
  });
  const task: RunningTask = await executor.start(
    {
      nodeId: "node_1",
      limits: {},
      gpus: [],
      environment: allowedEnvironment(process.env),
      assignment: { ...assignment, userId: "user_1" },
      dir,
      output: {
        write: (_, bytes) => void said.push(Buffer.from(bytes).toString()),
        system: () => {},
      },
      workflow: {
        cacheDirectory: join(dir, "cache"),
        nodeLabels: { os: "linux" },
        runsOn: { "ubuntu-latest": { os: "linux" } },
        secrets: {},
        ...given,
      },
    },
    new AbortController().signal,
  );
  const text = () => said.join("");
  return { task, dir, text, hears: (what: string) => waitFor(what, () => text().includes(what)) };
}

test("the engine gets the request, the job's directories, and what the owner of the node settled", async () => {
  const { task, dir } = await start({}, { actionsUrl: "https://git.example.com" });
  expect(await task.wait()).toEqual({ exitCode: 0 });
  const plan = JSON.parse(readFileSync(join(dir, ".workflow/plan.json"), "utf8"));
  expect(plan).toMatchObject({
    request: { path: ".github/workflows/ci.yml", event: "push" },
    attempt: 1,
    actor: "user_1",
    directory: dir,
    source: join(dir, "source"),
    actionStore: join(dir, "actions"),
    actionsUrl: "https://git.example.com",
    cacheDirectory: join(dir, "cache"),
    nodeLabels: { os: "linux" },
    runsOn: { "ubuntu-latest": { os: "linux" } },
  });
  expect(statSync(join(dir, ".workflow/plan.json")).mode & 0o777).toBe(0o600);
});

test("secrets reach the engine in a file that nobody else reads and that is gone at the end", async () => {
  const { task, dir, text } = await start({ tellsSecrets: true }, { secrets: { TOKEN: "hunter2" } });
  await task.wait();
  expect(text()).toContain("TOKEN=hunter2");
  expect(readFileSync(join(dir, ".workflow/plan.json"), "utf8")).not.toContain("hunter2");
  expect(existsSync(join(dir, ".workflow/secrets.json"))).toBe(false);
});

test("a run that failed names the jobs and steps that failed", async () => {
  const { task } = await start({
    exit: 1,
    events: [
      { type: "job", job: { key: "lint", name: "lint", conclusion: "success" } },
      { type: "job", job: { key: "build (20)", name: "build (20)", conclusion: "failure" } },
      {
        type: "step",
        job: "build (20)",
        step: { number: 2, name: "Run npm test", conclusion: "failure", exitCode: 7 },
      },
      {
        type: "job",
        job: { key: "deploy", name: "deploy", conclusion: "failure", message: "no such action" },
      },
      { type: "job", job: { key: "try", name: "try", conclusion: "failure", continueOnError: true } },
    ],
  });
  expect(await task.wait()).toEqual({
    exitCode: 1,
    message:
      "2 jobs of the workflow failed: build (20): step 2 “Run npm test” (exit code 7); deploy: no such action.",
  });
});

test("a workflow that is not valid ends with its problems, each with its place", async () => {
  const at = { file: ".github/workflows/ci.yml", line: 4, column: 9 };
  const { task } = await start({
    exit: 65,
    events: [
      { type: "annotation", annotation: { level: "failure", message: "unknown key stesp", ...at } },
      {
        type: "annotation",
        annotation: { level: "failure", message: "the event push is not among its triggers" },
      },
    ],
  });
  expect(await task.wait()).toEqual({
    exitCode: 65,
    message:
      "The workflow is not valid: .github/workflows/ci.yml:4:9: unknown key stesp; the event push is not among its triggers",
  });
});

test("what the job writes to the file of events by itself does not hide why it failed", async () => {
  const junk = "junk" as unknown as { type: "annotation"; annotation: { level: "failure"; message: string } };
  const { task } = await start({
    exit: 1,
    events: [junk, { type: "annotation", annotation: { level: "failure", message: "no job can run" } }],
  });
  expect(await task.wait()).toEqual({ exitCode: 1, message: "The workflow failed: no job can run" });
});

test("a stop tells the engine alone, which ends its steps itself", async () => {
  const { task, hears, text } = await start({ startsChild: true, waits: true });
  await hears("the child runs");
  await hears("waiting");
  task.stop(60_000);
  expect(await task.wait()).toEqual({
    exitCode: 130,
    cancelled: true,
    message: "The workflow was cancelled.",
  });
  expect(text()).toContain("cancelled");
  expect(text()).not.toContain("the child was stopped");
});

test("its events are in a file of their own, and the artifacts of the run are outputs", async () => {
  const { task } = await start({ artifacts: { "dist/a.txt": "a" } });
  await task.wait();
  expect(existsSync(task.events?.path ?? "")).toBe(true);
  expect(task.ownOutputs).toEqual(["artifacts/**"]);
});
