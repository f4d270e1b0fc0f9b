import { expect } from "bun:test";
import { type Api, type As, readProblem } from "../support/api.ts";
import { PlayedNode } from "../support/played-node.ts";
import type { Scenarios } from "./stage.ts";

/** A scenario for each endpoint that changes many jobs or says why a job waits. */
export const manyJobsScenarios = {
  "jobs.why": async ({ api }) => {
    const user = await api.newUser();
    const node = await PlayedNode.register(api, user, { name: "box", labels: { disk: "hdd" } });
    const why = async (manifest: object) => {
      const { jobId } = await api.call("jobs.submit", { command: "true", ...manifest }, user);
      return api.call("jobs.why", { jobId }, user);
    };
    const wrong = await why({ labels: { disk: "ssd" } });
    expect(wrong).toMatchObject({ status: "QUEUED", waitsFor: "node", moreNodes: false });
    expect(wrong.ahead).toEqual({ count: 0, more: false });
    expect((await why({ labels: { disk: "ssd" } })).ahead).toEqual({ count: 1, more: false });
    expect((await why({ labels: { disk: "ssd" }, pool: "other" })).ahead?.count).toBe(0);
    expect((await why({ after: [{ jobId: wrong.jobId }] })).ahead).toBeUndefined();
    expect(wrong.nodes).toMatchObject([
      { nodeId: node.nodeId, name: "box", verdict: "never", rule: "label" },
    ]);
    expect(wrong.hint).toContain("disk=ssd");
    expect(await why({})).toMatchObject({ waitsFor: "turn", nodes: [{ verdict: "fits" }] });
    const { jobId } = await api.call("jobs.submit", { command: "true", labels: { never: "there" } }, user);
    await api.call("jobs.cancel", { jobId }, user);
    expect(await api.call("jobs.why", { jobId }, user)).toMatchObject({ waitsFor: "nothing", nodes: [] });
  },

  "jobs.dry-run": async ({ api }) => {
    const user = await api.newUser();
    const dryRun = (manifest: object) => api.call("jobs.dry-run", { command: "true", ...manifest }, user);
    expect(await dryRun({})).toMatchObject({ schedulable: false, nodes: [] });
    await PlayedNode.register(api, user, { capacity: { cpu: 2, memoryMb: 1_000, gpuCount: 0, slots: 1 } });
    expect(await dryRun({})).toMatchObject({ schedulable: true, nodes: [{ verdict: "fits" }] });
    const large = await dryRun({ resources: { memoryMb: 2_000 } });
    expect(large).toMatchObject({ schedulable: false, nodes: [{ verdict: "never", rule: "memory" }] });
    expect(large.hint).toContain("1000 MiB");
    expect((await api.call("jobs.list", {}, user)).jobs).toEqual([]);
  },

  "jobs.submit-batch": async ({ api }) => {
    const user = await api.newUser();
    const headers = { "idempotency-key": crypto.randomUUID() };
    const jobs = Array.from({ length: 1_000 }, (_, i) => ({ command: "true", name: `batch-${i}` }));
    const submit = async () => (await api.call("jobs.submit-batch", { jobs }, user, headers)).jobs;
    const [first, second] = await Promise.all([submit(), submit()]);
    expect(first.map((one) => one.jobId)).toEqual(second.map((one) => one.jobId));
    expect([first, second].map((all) => all.filter((one) => one.created).length).sort()).toEqual([0, 1_000]);
    const last = await api.call("jobs.retrieve", { jobId: first[999]?.jobId ?? "" }, user);
    expect(last.name).toBe("batch-999");
    const fewer = JSON.stringify({ jobs: jobs.slice(1) });
    const reused = await readProblem(await api.send("jobs.submit-batch", fewer, user, headers));
    expect(reused.code).toBe("idempotency_key_reused");
    await rejectsWholeBatch(api, user);
  },

  "jobs.cancel-matching": async ({ api }) => {
    const user = await api.newUser();
    const submit = (name: string) =>
      api.call("jobs.submit", { command: "true", name, labels: { x: name } }, user);
    for (const name of ["old-1", "new-1", "new-2", "new-3"]) await submit(name);
    const cancel = (where: object) => api.call("jobs.cancel-matching", where, user);
    const first = await cancel({ name: "new-*", limit: 2 });
    expect(first).toMatchObject({ matched: 2, changed: 2 });
    expect(await cancel({ name: "new-*", limit: 2, cursor: first.nextCursor })).toEqual({
      matched: 1,
      changed: 1,
    });
    const cancelled = await api.call("jobs.list", { status: ["CANCELLED"], name: "new-?" }, user);
    expect(cancelled.jobs.map((job) => job.name)).toEqual(["new-3", "new-2", "new-1"]);
    expect(await cancel({ status: ["SUCCESS"] })).toEqual({ matched: 0, changed: 0 });
    expect(await cancel({ since: new Date(Date.now() + 60_000).toISOString() })).toMatchObject({
      matched: 0,
    });
    const [old] = (await api.call("jobs.list", { name: "old-1" }, user)).jobs;
    const waiting = api.call("jobs.retrieve", { jobId: old?.jobId ?? "", waitSeconds: 20 }, user);
    expect(await cancel({ labels: { x: "old-1" } })).toMatchObject({ changed: 1 });
    expect((await waiting).status).toBe("CANCELLED");
  },

  "jobs.delete": async ({ api }) => {
    const user = await api.newUser();
    const submit = async (manifest: object = {}) =>
      (await api.call("jobs.submit", { command: "true", ...manifest }, user)).jobId;
    const [over, open] = [await submit(), await submit()];
    await api.call("jobs.cancel", { jobId: over }, user);
    const theirs = await api.newUser();
    const outcomesFor = async (as: As, ...jobIds: string[]) =>
      (await api.call("jobs.delete", { jobIds }, as)).results.map((one) => one.outcome);
    expect(await outcomesFor(theirs, over)).toEqual(["not-found"]);
    expect(await outcomesFor(user, over, open)).toEqual(["deleted", "open"]);
    expect((await api.refused("jobs.retrieve", { jobId: over }, user)).code).toBe("not_found");
    expect(await outcomesFor(user, over)).toEqual(["not-found"]);
    const next = await submit({ after: [{ jobId: open, on: "any" }] });
    expect((await api.call("jobs.retrieve", { jobId: next }, user)).status).toBe("QUEUED");
    await api.call("jobs.cancel", { jobId: next }, user);
  },

  "jobs.delete-matching": async ({ api }) => {
    const user = await api.newUser();
    for (const name of ["a-1", "a-2", "a-3", "b"]) {
      await api.call("jobs.submit", { command: "true", name }, user);
    }
    const remove = (where: object) => api.call("jobs.delete-matching", where, user);
    expect(await remove({ name: "a-*" })).toEqual({ matched: 0, changed: 0 });
    await api.call("jobs.cancel-matching", { name: "a-*" }, user);
    const first = await remove({ name: "a-*", limit: 2 });
    expect(first).toMatchObject({ matched: 2, changed: 2 });
    expect(await remove({ name: "a-*", limit: 2, cursor: first.nextCursor })).toMatchObject({
      matched: 1,
      changed: 1,
    });
    expect((await api.call("jobs.list", {}, user)).jobs.map((job) => job.name)).toEqual(["b"]);
    expect(await remove({ status: ["QUEUED"] })).toEqual({ matched: 0, changed: 0 });
  },

  "jobs.retry-matching": async ({ api }) => {
    const user = await api.newUser();
    const node = await PlayedNode.register(api, user);
    for (const exitCode of [0, 1, 2]) {
      await api.call("jobs.submit", { command: "true", name: `exit-${exitCode}` }, user);
      const { executionId } = await node.take();
      await node.report(executionId, "RUNNING");
      await node.report(executionId, exitCode === 0 ? "SUCCEEDED" : "FAILED", { exitCode });
    }
    const retry = (where: object) => api.call("jobs.retry-matching", where, user);
    expect(await retry({ name: "exit-2" })).toMatchObject({ matched: 1, changed: 1 });
    // Jobs that succeeded run again only if the request asks for it.
    expect(await retry({})).toMatchObject({ matched: 1, changed: 1 });
    const queued = await api.call("jobs.list", { status: ["QUEUED"] }, user);
    expect(queued.jobs.map((job) => job.name)).toEqual(["exit-2", "exit-1"]);
    expect(await retry({ status: ["SUCCESS"] })).toMatchObject({ matched: 1, changed: 1 });
  },
} satisfies Partial<Scenarios>;

/** An invalid job, or a key that another job has, rejects the whole batch. */
async function rejectsWholeBatch(api: Api, user: As): Promise<void> {
  const idempotencyKey = crypto.randomUUID();
  const keyed = { command: "true", idempotencyKey };
  const [one, again] = (await api.call("jobs.submit-batch", { jobs: [keyed, keyed] }, user)).jobs;
  expect(again).toEqual({ jobId: one?.jobId ?? "", created: false });
  const rest = { command: "true", name: "left-out" };
  const other = await api.refused(
    "jobs.submit-batch",
    { jobs: [rest, { ...keyed, command: "false" }] },
    user,
  );
  expect(other).toMatchObject({
    code: "idempotency_key_reused",
    errors: [{ path: "jobs.1.idempotencyKey" }],
  });
  const wrong = await api.refused("jobs.submit-batch", { jobs: [rest, { command: "" }] }, user);
  expect(wrong.errors?.[0]?.path).toBe("jobs.1.command");
  const over = { jobs: Array.from({ length: 1_001 }, () => rest) };
  for (const bad of [{ jobs: [] }, over]) {
    expect((await api.refused("jobs.submit-batch", bad, user)).code).toBe("invalid_request");
  }
  expect((await api.call("jobs.list", { name: "left-out" }, user)).jobs).toEqual([]);
}
