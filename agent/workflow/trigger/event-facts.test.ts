import { expect, test } from "bun:test";
import { eventFacts } from "./event-facts.ts";
import { githubContext, githubVariables } from "./github-context.ts";
import type { Origin } from "./likely-payload.ts";
import type { JsonObject } from "./merge.ts";

const SHA = "a".repeat(40);

function facts(event: string, given: JsonObject = {}, more: Partial<Origin> = {}) {
  const origin = { actor: "jo", repository: "acme/widgets", ref: "refs/heads/topic", sha: SHA };
  return eventFacts({ event, given, ...origin, workflowPath: ".github/workflows/ci.yml", ...more });
}

interface Case {
  event: string;
  given?: JsonObject;
  ref: string;
  sha?: string;
  headRef?: string;
  baseRef?: string;
}

test.each<Case>([
  { event: "push", ref: "refs/heads/topic" },
  {
    event: "push",
    given: { ref: "refs/tags/v1", after: "b".repeat(40) },
    ref: "refs/tags/v1",
    sha: "b".repeat(40),
  },
  { event: "pull_request", ref: "refs/pull/1/merge", headRef: "topic", baseRef: "main" },
  {
    event: "pull_request",
    given: { number: 5 },
    ref: "refs/pull/5/merge",
    headRef: "topic",
    baseRef: "main",
  },
  { event: "pull_request_target", ref: "refs/heads/main", headRef: "topic", baseRef: "main" },
  { event: "pull_request_review", ref: "refs/pull/1/merge" },
  { event: "release", ref: "refs/tags/v1.0.0" },
  { event: "release", given: { release: { tag_name: "v2" } }, ref: "refs/tags/v2" },
  { event: "create", given: { ref: "v3", ref_type: "tag" }, ref: "refs/tags/v3" },
  { event: "delete", given: { ref: "old" }, ref: "refs/heads/topic" },
  {
    event: "merge_group",
    given: { merge_group: { head_ref: "refs/heads/q", head_sha: "c" } },
    ref: "refs/heads/q",
    sha: "c",
  },
  { event: "workflow_dispatch", given: { ref: "release" }, ref: "refs/heads/release" },
  { event: "schedule", ref: "refs/heads/topic" },
])("$event with $given is about $ref", ({ event, given, ref, sha, headRef, baseRef }) => {
  expect(facts(event, given)).toMatchObject({
    ref,
    sha: sha ?? SHA,
    headRef: headRef ?? "",
    baseRef: baseRef ?? "",
  });
});

test("an event that has activities has a likely one: that which the workflow waits for", () => {
  expect(facts("issues").payload).toMatchObject({ action: "opened", issue: { number: 1 } });
  expect(facts("issues", {}, { activity: "labeled" }).payload.action).toBe("labeled");
  expect(facts("issues", { action: "closed" }, { activity: "labeled" }).payload.action).toBe("closed");
  expect(facts("push").payload.action).toBeUndefined();
  expect(facts("repository_dispatch", {}, { activity: "deploy" }).payload).toMatchObject({
    action: "deploy",
    client_payload: {},
  });
});

test("the default branch is main, or master where that is checked out", () => {
  const branchIn = (ref: string) => facts("push", {}, { ref }).payload.repository;
  expect(branchIn("refs/heads/topic")).toMatchObject({ default_branch: "main" });
  expect(branchIn("refs/heads/master")).toMatchObject({ default_branch: "master" });
});

test("what was given is merged into what is likely", () => {
  const { payload } = facts("pull_request", { pull_request: { title: "Mine", labels: [{ name: "bug" }] } });
  expect(payload).toMatchObject({
    action: "opened",
    number: 1,
    pull_request: { title: "Mine", labels: [{ name: "bug" }], head: { ref: "topic" }, draft: false },
    repository: { full_name: "acme/widgets", owner: { login: "acme" } },
    sender: { login: "jo" },
  });
});

test("the github context and its variables say the same", () => {
  const run = { runId: "job_abc", attempt: 2, actor: "jo", repository: "acme/widgets", token: "t" };
  const workflow = { workflow: "CI", workflowPath: ".github/workflows/ci.yml", hasSecrets: true };
  const github = githubContext({ ...run, ...workflow }, facts("pull_request"));
  expect(github).toMatchObject({
    ref_name: "1/merge",
    ref_type: "branch",
    head_ref: "topic",
    run_attempt: "2",
    workflow_ref: "acme/widgets/.github/workflows/ci.yml@refs/pull/1/merge",
    repository_owner: "acme",
  });
  expect(github.run_id).toMatch(/^\d{11}$/);
  const variables = githubVariables({ ...github, job: "build" });
  expect(variables).toMatchObject({
    CI: "true",
    GITHUB_JOB: "build",
    GITHUB_HEAD_REF: "topic",
    GITHUB_REF_PROTECTED: "false",
    GITHUB_RUN_ID: String(github.run_id),
  });
  expect(variables).not.toHaveProperty("GITHUB_TOKEN");
});
