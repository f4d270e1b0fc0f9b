import { expect, test } from "bun:test";
import { jobType } from "../../shared/job-fields.ts";
import { createExecutors, jobTypesOn } from "./all-executors.ts";
import { plainGrants } from "./docker/settings.ts";

const linux = { docker: { osType: "linux" } };

test("every job type that can be submitted has an executor", async () => {
  const docker = { agentId: "agent", environment: {}, settings: () => plainGrants };
  const executors = createExecutors({ ...docker, workflowEngine: ["false"] });
  expect([...executors.keys()]).toEqual(jobType.options);
  for (const [type, executor] of executors) expect(executor.jobType).toBe(type);
  for (const executor of executors.values()) await executor.close();
});

test("a machine can run the job types whose executors work on it", () => {
  expect(jobTypesOn({})).toEqual(["COMMAND", "GITHUB_ACTION"]);
  expect(jobTypesOn(linux)).toEqual(["COMMAND", "DOCKER", "GITHUB_ACTION"]);
  expect(jobTypesOn({ docker: { osType: "windows" } })).toEqual(["COMMAND", "GITHUB_ACTION"]);
});
