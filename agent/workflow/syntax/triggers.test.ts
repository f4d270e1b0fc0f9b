import { expect, test } from "bun:test";
import type { Value } from "../expressions/scope.ts";
import { readWorkflow } from "./read-workflow.ts";
import { type TriggerEvent, triggeredBy } from "./triggers.ts";

type Payload = { [key: string]: Value };

async function runs(on: string, event: Partial<TriggerEvent> & { name: string }): Promise<boolean | string> {
  const text = `on: ${on}\njobs: {a: {runs-on: x, steps: [{run: x}]}}`;
  const { workflow, problems } = await readWorkflow("w.yml", text);
  expect(problems).toEqual([]);
  if (!workflow) throw new Error("no workflow");
  const trigger = triggeredBy(workflow, { payload: {}, ...event });
  return trigger.runs || trigger.why;
}

const push = (ref: string, ...files: string[]): Payload => ({
  ref,
  commits: files.map((file) => ({ id: "1", added: [], modified: [file], removed: [] })),
});
const pull = (action: string, base = "main"): Payload => ({ action, pull_request: { base: { ref: base } } });
const main = "refs/heads/main";

const cases: [on: string, event: string, payload: Payload, expected: boolean][] = [
  ["push", "push", {}, true],
  ["{push: , workflow_dispatch: {inputs: }}", "push", {}, true],
  ["{push: , workflow_dispatch: {inputs: {a: }}}", "workflow_dispatch", {}, true],
  ["push", "pull_request", {}, false],
  ["[push, repository_dispatch]", "repository_dispatch", { action: "any" }, true],
  ["push", "constructor", {}, false],
  ["{push: {branches: [main]}}", "push", push(main), true],
  ["{push: {branches: main}}", "push", push("refs/heads/dev"), false],
  ["{push: {branches: [main]}}", "push", push("refs/tags/main"), false],
  ["{push: {branches: [main], tags: [v*]}}", "push", push("refs/tags/v1"), true],
  ["{push: {branches: [main], tags: [v*]}}", "push", push("refs/tags/w1"), false],
  ["{push: {tags: [v*]}}", "push", push(main), false],
  ["{push: {tags-ignore: [v*]}}", "push", push("refs/tags/v1"), false],
  ["{push: {tags-ignore: [v*]}}", "push", push("refs/tags/w1"), true],
  ["{push: {tags-ignore: [v*]}}", "push", push(main), false],
  ["{push: {branches-ignore: ['wip/**']}}", "push", push("refs/heads/wip/a/b"), false],
  ["{push: {branches-ignore: ['wip/**']}}", "push", push(main), true],
  ["{push: {branches-ignore: ['wip/**']}}", "push", push("refs/tags/v1"), false],
  [
    "{push: {branches: ['releases/**', '!releases/**-alpha']}}",
    "push",
    push("refs/heads/releases/1-alpha"),
    false,
  ],
  ["{push: {branches: [main]}}", "push", {}, true],
  ["{push: {paths: ['**.ts']}}", "push", push(main, "a/b.ts", "c.md"), true],
  ["{push: {paths: ['**.ts']}}", "push", push(main, "c.md"), false],
  ["{push: {paths: ['**.ts', '!gen/**']}}", "push", push(main, "gen/a.ts"), false],
  ["{push: {paths: ['**.ts', '!gen/**']}}", "push", push(main, "gen/a.ts", "b.ts"), true],
  ["{push: {paths-ignore: ['docs/**']}}", "push", push(main, "docs/a"), false],
  ["{push: {paths-ignore: ['docs/**']}}", "push", push(main, "docs/a", "b"), true],
  ["{push: {paths: ['**.ts']}}", "push", push("refs/tags/v1", "c.md"), true],
  ["{push: {paths: ['**.ts']}}", "push", { ref: main }, true],
  ["{push: {paths: ['**.ts']}}", "push", { ref: main, head_commit: { added: ["a.md"] } }, false],
  ["pull_request", "pull_request", pull("opened"), true],
  ["pull_request", "pull_request", pull("synchronize"), true],
  ["pull_request", "pull_request", pull("closed"), false],
  ["pull_request_target", "pull_request_target", pull("labeled"), false],
  ["pull_request", "pull_request", {}, true],
  ["{pull_request: {types: [closed]}}", "pull_request", pull("closed"), true],
  ["{pull_request: {types: closed}}", "pull_request", pull("opened"), false],
  ["{pull_request: {branches: [main]}}", "pull_request", pull("opened", "dev"), false],
  ["{pull_request: {branches: [main]}}", "pull_request", pull("opened"), true],
  ["{pull_request: {branches-ignore: [main]}}", "pull_request", pull("opened"), false],
  ["issues", "issues", { action: "locked" }, true],
  ["{issues: {types: [opened, edited]}}", "issues", { action: "locked" }, false],
  ["{release: {types: [published]}}", "release", { action: "published" }, true],
  ["{repository_dispatch: {types: [deploy]}}", "repository_dispatch", { action: "test" }, false],
  [
    "{workflow_run: {workflows: [CI], types: [completed]}}",
    "workflow_run",
    { action: "completed", workflow_run: { name: "CI" } },
    true,
  ],
  [
    "{workflow_run: {workflows: [CI]}}",
    "workflow_run",
    { action: "completed", workflow_run: { name: "Docs" } },
    false,
  ],
  [
    "{workflow_run: {workflows: [CI], branches: [main]}}",
    "workflow_run",
    { workflow_run: { name: "CI", head_branch: "dev" } },
    false,
  ],
  [
    "{merge_group: {branches: [main]}}",
    "merge_group",
    { merge_group: { base_ref: "refs/heads/dev" } },
    false,
  ],
  ["{schedule: [{cron: '5 4 * * *'}]}", "schedule", { schedule: "5 4 * * *" }, true],
  ["{schedule: [{cron: '5 4 * * *'}]}", "schedule", { schedule: "0 0 * * *" }, false],
  ["{schedule: [{cron: '5 4 * * *'}]}", "schedule", {}, true],
  ["workflow_dispatch", "workflow_dispatch", {}, true],
];

test.each(cases)("%s, event %s with %j: %p", async (on, name, payload, expected) => {
  const result = await runs(on, { name, payload });
  expect(result === true).toBe(expected);
});

test("the ref and the changed files of the working copy count if the payload has none", async () => {
  const on = "{push: {branches: [main], paths: [src/**]}}";
  expect(await runs(on, { name: "push", ref: "refs/heads/dev" })).toBe("dev is not among its branches: main");
  expect(await runs(on, { name: "push", ref: main, paths: ["docs/a"] })).toBe(
    "none of the changed files is among its paths: src/**",
  );
  expect(await runs(on, { name: "push", ref: main, paths: ["src/a"] })).toBe(true);
});
