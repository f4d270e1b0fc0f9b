import { expect } from "bun:test";
import { newId } from "../../shared/ids.ts";
import type { LogEvent } from "../../shared/log.ts";
import { type Api, type As, headersOf } from "../support/api.ts";
import { PlayedNode } from "../support/played-node.ts";
import type { Scenarios, Stage } from "./stage.ts";

/** A scenario for each endpoint of jobs and executions. */
export const jobScenarios = {
  "jobs.submit": async ({ api, user }) => {
    await PlayedNode.register(api, user);
    const job = await api.call("jobs.submit", { command: "true", labels: { never: "there" } }, user);
    expect(job).toMatchObject({ status: "QUEUED", attempt: 0, retryCount: 0, type: "COMMAND", priority: 0 });
    expect(job.unschedulableReason).toContain("never");
    await onlyOneJobPerKey(api, user);
  },

  "jobs.retrieve": async ({ api, user }) => {
    const { jobId } = await api.call("jobs.submit", { command: "true", labels: { never: "there" } }, user);
    const waiting = api.call("jobs.retrieve", { jobId, waitSeconds: 20 }, user);
    await api.call("jobs.cancel", { jobId }, user);
    expect((await waiting).status).toBe("CANCELLED");
    const askedAtMs = performance.now();
    await api.call("jobs.retrieve", { jobId, waitSeconds: 20 }, user);
    expect(performance.now() - askedAtMs).toBeLessThan(2_000);
  },

  "jobs.wait-tickets": async ({ api, user }) => {
    const [mine, other] = [
      await api.call("jobs.submit", { command: "true", labels: { never: "there" } }, user),
      await api.call("jobs.submit", { command: "true", labels: { never: "there" } }, user),
    ];
    const jobIds = [mine.jobId, other.jobId];
    const { tickets } = await api.call("jobs.wait-tickets", { jobIds }, user);
    expect(tickets.map((one) => one.jobId)).toEqual(jobIds);
    const ticket = { token: tickets[0]?.ticket };
    expect((await api.call("jobs.retrieve", { jobId: mine.jobId }, ticket)).jobId).toBe(mine.jobId);
    expect(await api.call("jobs.list", { arrayId: mine.jobId }, ticket)).toEqual({ jobs: [] });
    // The ticket renews itself, and can do nothing else.
    expect((await api.call("jobs.wait-tickets", { jobIds: [mine.jobId] }, ticket)).tickets).toHaveLength(1);
    for (const [id, input] of [
      ["jobs.wait-tickets", { jobIds }],
      ["jobs.retrieve", { jobId: other.jobId }],
      ["jobs.cancel", { jobId: mine.jobId }],
      ["jobs.list", {}],
      ["jobs.list", { arrayId: other.jobId }],
      ["auth.whoami", {}],
      ["auth.logout", {}],
    ] as const) {
      expect((await api.refused(id, input, ticket)).code).toBe("forbidden");
    }
    const unknown = await api.refused("jobs.wait-tickets", { jobIds: [newId("job")] }, user);
    expect(unknown.code).toBe("not_found");
  },

  "jobs.list": async ({ api }) => {
    const user = await api.newUser();
    const submitted: string[] = [];
    for (const name of ["a", "b", "a"]) {
      const job = await api.call("jobs.submit", { command: "true", name, labels: { x: name } }, user);
      submitted.unshift(job.jobId);
    }
    expect(await walkJobs(api, user, 2)).toEqual(submitted);
    const ids = async (where: object) =>
      (await api.call("jobs.list", where, user)).jobs.map((job) => job.jobId);
    expect(await ids({ name: "b" })).toEqual([submitted[1] ?? ""]);
    expect(await ids({ labels: { x: "a" } })).toEqual([submitted[0] ?? "", submitted[2] ?? ""]);
    expect(await ids({ status: ["SUCCESS"] })).toEqual([]);
    const array = await api.call("jobs.submit", { command: "true", name: "Grid", array: "1-3" }, user);
    expect(await ids({ search: "GRID", topLevel: true })).toEqual([array.jobId]);
    expect((await ids({ search: "grid" })).length).toBe(4);
    expect(await ids({ until: "2020-01-01T00:00:00Z" })).toEqual([]);
    expect(await ids({ userId: newId("usr") })).toEqual([]);
    expect(await ids({ nodeId: newId("node") })).toEqual([]);
    expect(await ids({ templateId: "sleep" })).toEqual([]);
    expect(await ids({ scheduleId: newId("sch") })).toEqual([]);
  },

  "jobs.count": async ({ api }) => {
    const user = await api.newUser();
    for (const name of ["a", "b", "a"]) await api.call("jobs.submit", { command: "true", name }, user);
    expect(await api.call("jobs.count", {}, user)).toEqual({ count: 3, more: false });
    expect(await api.call("jobs.count", { search: "A" }, user)).toEqual({ count: 2, more: false });
    expect(await api.call("jobs.count", { status: ["RUNNING"] }, user)).toEqual({ count: 0, more: false });
  },

  "jobs.cancel": async ({ api, user }) => {
    const { jobId } = await api.call("jobs.submit", { command: "true", labels: { never: "there" } }, user);
    expect((await api.call("jobs.cancel", { jobId }, user)).status).toBe("CANCELLED");
    const again = await api.send("jobs.cancel", JSON.stringify({ jobId }), user);
    expect([200, 409]).toContain(again.status);
  },

  "jobs.retry": async ({ api, user }) => {
    const { jobId } = await api.call("jobs.submit", { command: "true", labels: { never: "there" } }, user);
    expect((await api.refused("jobs.retry", { jobId }, user)).code).toBe("conflict");
    await api.call("jobs.cancel", { jobId }, user);
    const job = await api.call("jobs.retry", { jobId }, user);
    expect(job.status).toBe("QUEUED");
    expect(job.finishedAt).toBeUndefined();
  },

  "jobs.logs": async (stage) => {
    const { api, user } = stage;
    const { node, jobId, executionId } = await runningJob(stage);
    await node.log(executionId, 1, ["one", "two"]);
    const followed = readLog(api, user, jobId);
    await node.log(executionId, 3, ["three"]);
    await node.report(executionId, "SUCCEEDED", { exitCode: 0 });
    const events = await followed;
    expect(textsOf(events)).toEqual(["one", "two", "three"]);
    expect(events.at(-1)).toMatchObject({ event: "end", data: { status: "SUCCESS", exitCode: 0 } });
    const second = events.filter((event) => event.event === "log")[1]?.id ?? "";
    const resumed = await readLog(api, user, jobId, { "last-event-id": second });
    expect(textsOf(resumed)).toEqual(["three"]);
    expect(textsOf(await readLog(api, user, jobId, {}, "?tail=1&follow=false"))).toEqual(["three"]);
    const [packed] = await readLog(api, user, jobId, {}, "?packed=true");
    const lines = ["one", "two", "three"].map((text) => ["o", expect.any(String), text]);
    expect(packed).toMatchObject({
      event: "lines",
      id: "1.3",
      data: { executionId, attempt: 1, seq: 1, lines },
    });
  },

  "executions.list": async (stage) => {
    const { api, user } = stage;
    const { node, jobId, executionId } = await runningJob(stage);
    const list = (where: object) => api.call("executions.list", where, user);
    expect((await list({ jobId })).executions.map((one) => one.executionId)).toEqual([executionId]);
    expect((await list({ nodeId: node.nodeId, status: ["RUNNING"] })).executions).toHaveLength(1);
    expect((await list({ jobId, status: ["FAILED"] })).executions).toEqual([]);
    await node.report(executionId, "SUCCEEDED", { exitCode: 0 });
  },

  "executions.retrieve": async (stage) => {
    const { api, user } = stage;
    const { node, executionId } = await runningJob(stage);
    await node.log(executionId, 1, ["a line"]);
    await node.report(executionId, "FAILED", { exitCode: 3, cpuSeconds: 0.5, peakMemoryMb: 12 });
    const execution = await api.call("executions.retrieve", { executionId }, user);
    expect(execution).toMatchObject({ status: "FAILED", exitCode: 3, cpuSeconds: 0.5, logLines: 1 });
  },
} satisfies Partial<Scenarios>;

/** A job that a played node of its own has taken and started. */
export async function runningJob({ api, user }: Pick<Stage, "api" | "user">) {
  const label = crypto.randomUUID();
  const node = await PlayedNode.register(api, user, { labels: { only: label } });
  const { jobId } = await api.call("jobs.submit", { command: "true", labels: { only: label } }, user);
  const { executionId } = await node.take();
  await node.report(executionId, "RUNNING");
  return { node, jobId, executionId };
}

async function onlyOneJobPerKey(api: Api, user: As): Promise<void> {
  const headers = { "idempotency-key": crypto.randomUUID() };
  const submit = (command: string) =>
    api.send("jobs.submit", JSON.stringify({ command, labels: { never: "there" } }), user, headers);
  const answers = await Promise.all(Array.from({ length: 50 }, () => submit("true")));
  const jobs = (await Promise.all(answers.map((answer) => answer.json()))) as { jobId: string }[];
  expect(new Set(jobs.map((job) => job.jobId)).size).toBe(1);
  expect((await submit("false")).status).toBe(409);
}

async function walkJobs(api: Api, user: As, limit: number): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await api.call("jobs.list", { limit, cursor }, user);
    ids.push(...page.jobs.map((job) => job.jobId));
    cursor = page.nextCursor;
  } while (cursor !== undefined && ids.length < 100);
  return ids;
}

/** The events of a log stream, read to its end. */
async function readLog(
  api: Api,
  user: As,
  jobId: string,
  headers: Record<string, string> = {},
  query = "",
): Promise<LogEvent[]> {
  const response = await api.fetch(`/api/compute/jobs/${jobId}/logs/stream${query}`, {
    headers: { ...headersOf(user), ...headers },
  });
  expect(response.headers.get("content-type")).toStartWith("text/event-stream");
  const blocks = (await response.text()).split(/\r?\n\r?\n/);
  return blocks.map(parseEvent).filter((event) => event !== undefined);
}

function parseEvent(block: string): LogEvent | undefined {
  const fields = new Map(
    block
      .split(/\r?\n/)
      .filter((line) => line !== "" && !line.startsWith(":"))
      .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trimStart()]),
  );
  const data = fields.get("data");
  if (data === undefined) return undefined;
  return { event: fields.get("event"), id: fields.get("id"), data: JSON.parse(data) } as LogEvent;
}

function textsOf(events: LogEvent[]): string[] {
  return events.flatMap((event) => (event.event === "log" ? [event.data.text] : []));
}
