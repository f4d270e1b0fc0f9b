import { expect, test } from "bun:test";
import { nodeAllow } from "../../../shared/allow.ts";
import { assignmentOf } from "../../../tests/support/agent/assignment.ts";
import { checkAllowed } from "./check-allowed.ts";
import { StartFailedError } from "./executor.ts";

const USER = "usr_00000000000000000000000001";

test("an agent starts no job that its owner does not allow, whatever the server sends", () => {
  const command = assignmentOf({ command: "true" });
  const allow = (rules: object) => nodeAllow.parse(rules);
  expect(() => checkAllowed(allow({}), command)).not.toThrow();
  expect(() => checkAllowed(allow({ executors: ["DOCKER"] }), command)).toThrow(StartFailedError);
  expect(() => checkAllowed(allow({ executors: ["DOCKER"] }), command)).toThrow(
    "The owner of this node does not allow COMMAND jobs: see allow.executors in its agent.yaml.",
  );
  // A server of an earlier version does not say who submitted the job.
  expect(() => checkAllowed(allow({ users: [USER] }), command)).toThrow(/see allow\.users/);
  expect(() => checkAllowed(allow({ users: [USER] }), { ...command, userId: USER })).not.toThrow();
  const container = assignmentOf({ type: "DOCKER", image: "python", docker: { network: "host" } });
  expect(() => checkAllowed(allow({}), container)).toThrow(/does not allow the network host/);
});
