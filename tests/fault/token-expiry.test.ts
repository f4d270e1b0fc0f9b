import { expect, test } from "bun:test";
import { createComputeClient } from "../../sdk/index.ts";
import { Api, headersOf } from "../support/api.ts";
import { TestPlane } from "../support/plane.ts";
import { PlayedNode } from "../support/played-node.ts";
import { Running, runProgram } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";
import { waitFor, within } from "../support/wait.ts";

const SIXTEEN_MINUTES = 16 * 60;

test("a wait and a log that began with a valid token continue after it has expired, each only for its own job", async () => {
  await using plane = await TestPlane.start();
  const { accessToken: token, refreshToken } = await plane.api.signIn("local");
  const compute = createComputeClient({ url: plane.api.url, token });
  const { jobId } = await compute.jobs.submit({ command: "true" });
  const seen: string[] = [];
  const waited = compute.jobs.wait(jobId);
  const followed = (async () => {
    for await (const event of compute.jobs.follow(jobId)) {
      seen.push(event.event === "log" ? event.data.text : event.event);
    }
  })();
  await waitFor("the log to be followed", () => seen.includes("status"));
  plane.pass(SIXTEEN_MINUTES);
  await expect(compute.jobs.retrieve(jobId)).resolves.toMatchObject({ jobId });
  await expect(compute.jobs.cancel(jobId)).rejects.toMatchObject({ code: "token_expired" });
  const again = { token: (await plane.api.call("auth.refresh", { refreshToken })).accessToken };
  const node = await PlayedNode.register(plane.api, again);
  const { executionId } = await node.take();
  await node.report(executionId, "RUNNING");
  await node.log(executionId, 1, ["a line"]);
  await node.report(executionId, "FAILED", { exitCode: 7 });
  expect(await within(20_000, "the wait", waited)).toMatchObject({ exitCode: 7 });
  await within(20_000, "the log", followed);
  expect(seen).toContain("a line");
});

test("a followed log ends with its session, immediately and with the reason", async () => {
  await using plane = await TestPlane.start();
  const { accessToken: token } = await plane.api.signIn("local");
  const { jobId } = await plane.api.call("jobs.submit", { command: "true" }, { token });
  const stream = await plane.api.fetch(`/api/compute/jobs/${jobId}/logs/stream`, {
    headers: headersOf({ token }),
  });
  const waiting = plane.api.send("jobs.retrieve", JSON.stringify({ jobId, waitSeconds: 30 }), { token });
  await plane.api.call("auth.logout", {}, { token });
  const text = await within(5_000, "the end of the stream", stream.text());
  expect(text).toEndWith(
    `event: error\ndata: {"code":"session_ended","detail":"The session has ended. Sign in again."}\n\n`,
  );
  const answer = await within(5_000, "the answer", waiting);
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([401, "session_ended"]);
});

test("a follower whose session has ended gets an error and stops trying", async () => {
  await using plane = await TestPlane.start();
  const { accessToken: token } = await plane.api.signIn("local");
  const compute = createComputeClient({ url: plane.api.url, token });
  const { jobId } = await compute.jobs.submit({ command: "true" });
  const first = Promise.withResolvers<void>();
  const followed = (async () => {
    for await (const _ of compute.jobs.follow(jobId)) first.resolve();
  })();
  await within(5_000, "the first event", first.promise);
  await new Api(plane.api.url).call("auth.logout", {}, { token });
  await expect(within(10_000, "the end", followed)).rejects.toMatchObject({ code: "session_ended" });
});

test("job run ends with the job's own exit code even if its token expires meanwhile", async () => {
  await using plane = await TestPlane.start();
  await using home = await makeScratch();
  const { accessToken } = await plane.api.signIn("local");
  const env = { TANVRIT_URL: plane.api.url, TANVRIT_TOKEN: accessToken };
  const node = await PlayedNode.register(plane.api, { token: accessToken });
  const run = new Running(home.path, ["job", "run", "--", "true"], env);
  const { executionId } = await node.take();
  await node.report(executionId, "RUNNING");
  await node.log(executionId, 1, ["up"]);
  await waitFor("its first line", () => run.stdout === "up\n");
  for (let seconds = 0; seconds < SIXTEEN_MINUTES; seconds += 20) {
    plane.pass(20);
    await plane.api.call("nodes.heartbeat", { executions: [executionId] }, node.as);
  }
  await node.log(executionId, 2, ["down"]);
  await node.report(executionId, "FAILED", { exitCode: 7 });
  expect(await within(20_000, "its end", run.process.exited)).toBe(7);
  expect(run.stdout).toBe("up\ndown\n");
});

test("an expired token and a wrong token give different errors, and a failed wait names the job that goes on", async () => {
  await using plane = await TestPlane.start();
  await using home = await makeScratch();
  const { accessToken } = await plane.api.signIn("local");
  const { jobId } = await plane.api.call("jobs.submit", { command: "true" }, { token: accessToken });
  plane.pass(SIXTEEN_MINUTES);
  const run = (token: string, args: string[]) =>
    runProgram(home.path, args, { env: { TANVRIT_URL: plane.api.url, TANVRIT_TOKEN: token } });
  const expired = await run(accessToken, ["job", "list", "--json"]);
  expect(expired.exitCode).toBe(77);
  expect(JSON.parse(expired.stderr).error).toMatchObject({
    code: "token_expired",
    message: "TANVRIT_TOKEN has expired",
  });
  const wrong = await run(`${accessToken.slice(0, -8)}AAAAAAAA`, ["job", "list", "--json"]);
  expect(JSON.parse(wrong.stderr).error).toMatchObject({
    code: "unauthenticated",
    message: "TANVRIT_TOKEN is not valid on this server",
  });
  const wait = await run(accessToken, ["job", "wait", jobId]);
  expect(wait).toMatchObject({ exitCode: 77, stdout: "" });
  expect(wait.stderr).toContain(
    `job ${jobId} goes on. To continue waiting: tanvrit-compute job wait ${jobId}`,
  );
});
