import { expect, test } from "bun:test";
import { createComputeClient } from "../../sdk/index.ts";
import type { WorkflowEvent, WorkflowRun } from "../../shared/workflow-run.ts";
import { applyWorkflowEvent } from "../../shared/workflow-state.ts";
import { Fleet, type FleetServer } from "../support/fleet.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestMongo } from "../support/mongod.ts";
import { PlayedNode } from "../support/played-node.ts";
import { TestRedis } from "../support/redis.ts";
import { waitFor } from "../support/wait.ts";

const mongo = forAllTests(await TestMongo.start());
const redis = forAllTests(await TestRedis.start());

const STEPS = 120;
const step = (number: number): WorkflowEvent => ({
  type: "step",
  job: "build",
  step: { number, name: `step ${number}`, status: "completed", conclusion: "success" },
});

test("events of a workflow that go to one server and then another reach a follower at a third, each once and in order", async () => {
  await using fleet = await Fleet.start(["0", "0", "0"], {
    TANVRIT_STORE: mongo.url("workflows"),
    TANVRIT_BUS: redis.url,
  });
  const [first, second, third] = fleet.servers as [FleetServer, FleetServer, FleetServer];
  const user = await first.api.user();
  const node = await PlayedNode.register(first.api, user, { jobTypes: ["GITHUB_ACTION"] });
  const elsewhere = node.at(second.api);
  const workflow = { path: "ci.yml", clone: { url: "https://example.com/acme/app" } };
  const { jobId } = await first.api.call("jobs.submit", { type: "GITHUB_ACTION", workflow }, user);
  const { executionId } = await node.take();
  await node.report(executionId, "RUNNING");

  let tree: WorkflowRun | undefined;
  const gaps: string[] = [];
  let known = 0;
  const compute = createComputeClient({ url: third.api.url, token: user.token ?? "" });
  const following = (async () => {
    for await (const { event, data } of compute.jobs.follow(jobId)) {
      if (event !== "workflow") continue;
      if (data.run) tree = data.run;
      else if (data.from !== known) gaps.push(`${data.from} after ${known}`);
      for (const one of data.events ?? []) if (tree) applyWorkflowEvent(tree, one);
      known = data.from + (data.events?.length ?? 0);
    }
  })();
  for (let number = 1; number <= STEPS; number++) {
    const at = number % 2 === 0 ? node : elsewhere;
    expect(await at.tell(executionId, number - 1, [step(number)])).toBe(number);
    // Live, not only from time to time.
    if (number === STEPS / 2) await waitFor("the follower", () => known === number, { seen: () => known });
  }
  await node.report(executionId, "SUCCEEDED", { exitCode: 0 });
  await following;
  expect(gaps).toEqual([]);
  expect(tree?.jobs[0]?.steps.map(({ number }) => number)).toEqual(
    Array.from({ length: STEPS }, (_, i) => i + 1),
  );
  for (const { api } of fleet.servers) {
    expect((await api.call("jobs.retrieve", { jobId }, user)).workflowRun).toEqual(tree);
  }
});
