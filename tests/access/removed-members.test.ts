import { expect, test } from "bun:test";
import { MemoryBus } from "../../server/bus/memory-bus.ts";
import { headersOf, readProblem } from "../support/api.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestPlane } from "../support/plane.ts";
import { PlayedNode } from "../support/played-node.ts";
import { waitFor } from "../support/wait.ts";
import { teamOf } from "./team.ts";

const plane = forAllTests(await TestPlane.start());
const { api } = plane;
const { olga, ada, vera } = await teamOf(plane, "acme", { olga: "owner", ada: "admin", vera: "viewer" });
const JOB = { command: "true", labels: { never: "there" } };

test("when a person is removed, their requests, open streams and nodes end", async () => {
  const { anna } = await teamOf(plane, "acme", { anna: "member" });
  const node = await PlayedNode.register(api, anna, { labels: { only: "anna" } });
  const { jobId } = await api.call("jobs.submit", JOB, anna);
  const stream = await api.fetch(`/api/compute/jobs/${jobId}/logs/stream`, { headers: headersOf(anna) });
  const polling = api.send(
    "nodes.poll",
    JSON.stringify({ executions: [], maxAssignments: 1, waitSeconds: 20, condition: {} }),
    node.as,
  );
  const { key } = await api.call("api-keys.create", { name: "of anna" }, anna);
  await api.call("jobs.list", {}, { nodeKey: key });
  const startedMs = performance.now();
  await api.call("members.remove", { user: "anna" }, ada);
  expect(await stream.text()).toContain("session_ended");
  expect((await polling).status).toBeOneOf([200, 401]);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  expect((await api.refused("jobs.list", {}, anna)).code).toBe("session_ended");
  expect((await api.refused("nodes.poll", pollOnce, node.as)).code).toBe("session_ended");
  expect((await readProblem(await api.send("jobs.list", "{}", { nodeKey: key }))).status).toBe(401);
  // What the person has made stays.
  expect((await api.call("jobs.retrieve", { jobId }, vera)).status).toBe("QUEUED");
  expect((await api.refused("members.remove", { user: "anna" }, ada)).code).toBe("not_found");
});

const pollOnce = { executions: [], maxAssignments: 1, waitSeconds: 0, condition: {} };

test("a changed role and a removal apply to the next request at every server", async () => {
  await using other = await TestPlane.start({ stores: plane.stores, bus: new MemoryBus() });
  const { ida } = await teamOf(plane, "acme", { ida: "member" });
  const submit = async () => (await other.api.send("jobs.submit", JSON.stringify(JOB), ida)).status;
  expect(await submit()).toBe(200);
  await api.call("members.change-role", { user: "ida", role: "viewer" }, ada);
  expect(await submit()).toBe(403);
  await api.call("members.change-role", { user: "ida", role: "member" }, ada);
  expect(await submit()).toBe(200);
  await api.call("members.remove", { user: "ida" }, ada);
  expect(await submit()).toBe(401);
});

test("a schedule whose maker may no longer run jobs is paused, and says why", async () => {
  const { bert } = await teamOf(plane, "acme", { bert: "member" });
  const schedule = { cron: "* * * * *", job: JOB, name: "minutely" };
  const { scheduleId } = await api.call("schedules.create", schedule, bert);
  await api.call("members.change-role", { user: "bert", role: "viewer" }, ada);
  // In a minute, whenever it begins, the schedule is due once.
  plane.pass(60);
  const paused = await waitFor("the schedule to be paused", async () => {
    const found = await api.call("schedules.retrieve", { scheduleId }, olga);
    return found.status === "PAUSED" ? found : undefined;
  });
  expect(paused.pauseReason).toContain("may no longer run jobs");
  const fires = await waitFor("the fire to be decided", async () => {
    const { fires } = await api.call("schedules.fires", { scheduleId }, olga);
    return fires.every(({ status }) => status !== "PENDING") && fires;
  });
  expect(fires).toMatchObject([{ message: expect.stringContaining("may no longer run jobs") }]);
});

test("only owners and admins see invitations and change who belongs to the business", async () => {
  const { mia } = await teamOf(plane, "acme", { mia: "member" });
  for (const as of [mia, vera]) {
    expect((await api.call("members.list", {}, as)).members.length).toBeGreaterThan(2);
    for (const [id, input] of [
      ["members.invite", { role: "viewer" }],
      ["members.invitations", {}],
      ["members.change-role", { user: "mia", role: "admin" }],
      ["members.remove", { user: "olga" }],
    ] as const) {
      const refused = await readProblem(await api.send(id, JSON.stringify(input), as));
      expect({ id, code: refused.code }).toEqual({ id, code: "forbidden" });
    }
  }
});
