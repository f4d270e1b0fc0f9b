import { expect, test } from "bun:test";
import { join } from "node:path";
import { programEnv, Running, runProgram } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";
import { events, JOB_ID, logEvent, problem, ScriptedServer } from "./scripted-server.ts";

const program = [process.execPath, join(import.meta.dirname, "..", "..", "cmd", "main.ts")];
const end = (data: Record<string, unknown>) =>
  `event: end\ndata: ${JSON.stringify({ jobId: JOB_ID, attempt: 1, ...data })}\n\n`;

const log =
  logEvent(1, { seq: 1, stream: "stdout", text: "out" }) +
  logEvent(1, { seq: 2, stream: "stderr", text: "err" }) +
  logEvent(1, { seq: 3, stream: "system", text: "sent SIGTERM" }) +
  logEvent(1, { seq: 4, stream: "stdout", text: "no newline ", partial: true }) +
  logEvent(1, { seq: 5, stream: "stdout", text: "yet\r" });

/** A server with one job that has written this log. */
function logServer(log: string): ScriptedServer {
  return new ScriptedServer((path) =>
    path === "jobs/retrieve" ? Response.json({ jobId: JOB_ID, status: "SUCCESS" }) : events(log),
  );
}

test("a followed job writes exactly its streams and nothing else to stdout, and fails if a part of them is missing", async () => {
  await using home = await makeScratch();
  using server = new ScriptedServer((path) =>
    path === "jobs/submit"
      ? Response.json({ jobId: JOB_ID })
      : events(`${log}event: gap\ndata: {"missed":7}\n\n${end({ status: "FAILED", signal: "SIGKILL" })}`),
  );
  const env = { TANVRIT_URL: server.url, TANVRIT_TOKEN: "t" };
  const run = await runProgram(home.path, ["job", "run", "--", "x"], { env });
  expect(run.exitCode).toBe(74);
  expect(run.stdout).toBe("out\nno newline yet\r\n");
  expect(run.stderr).toBe(
    `tanvrit-compute: ${JOB_ID} submitted\nerr\ntanvrit-compute: sent SIGTERM\n` +
      "tanvrit-compute: 7 lines are missing here.\n" +
      "tanvrit-compute: job run: 7 lines of the output are missing: the server could not read them back in time. " +
      `Check the server's log, then read it again: tanvrit-compute job logs ${JOB_ID}.\n`,
  );
});

test("job logs --json prints one object per line", async () => {
  await using home = await makeScratch();
  using server = logServer(log);
  const env = { TANVRIT_URL: server.url, TANVRIT_TOKEN: "t" };
  const run = await runProgram(home.path, ["job", "logs", JOB_ID, "--json"], { env });
  const lines = Bun.JSONL.parse(run.stdout);
  expect(lines).toHaveLength(5);
  expect(lines[1]).toEqual({
    seq: 2,
    stream: "stderr",
    attempt: 1,
    at: "2026-01-01T00:00:00.000Z",
    text: "err",
  });
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
});

test("job get shows where a job may run, and the image of its container", async () => {
  await using home = await makeScratch();
  const where = {
    type: "DOCKER",
    image: "alpine:3",
    pool: "gpus",
    selector: "!spot",
    labels: { os: "linux" },
  };
  const rest = {
    status: "QUEUED",
    resources: {},
    env: {},
    attempt: 0,
    createdAt: "2026-01-01T00:00:00.000Z",
  };
  using server = new ScriptedServer(() => Response.json({ jobId: JOB_ID, ...where, ...rest }));
  const env = { TANVRIT_URL: server.url, TANVRIT_TOKEN: "t" };
  const { stdout } = await runProgram(home.path, ["job", "get", JOB_ID], { env });
  expect(stdout).toContain(
    "type: DOCKER\nimage: alpine:3\ncommand: (the image's own)\npool: gpus\nlabels: os=linux\nselector: !spot\n",
  );
});

test("agent stop --json says what it found, even if no agent runs", async () => {
  await using home = await makeScratch();
  const { exitCode, stdout } = await runProgram(home.path, ["agent", "stop", "--json"]);
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    workspace: "local",
    wasRunning: false,
    left: { supervisors: [], undelivered: 0, lost: 0 },
  });
});

test("job wait exits with the code of the first job that failed, in the order given", async () => {
  await using home = await makeScratch();
  const second = `job_${"1".repeat(26)}`;
  using server = new ScriptedServer(async (_, request) => {
    const { jobId } = (await request.json()) as { jobId: string };
    return Response.json({ jobId, status: "FAILED", exitCode: jobId === second ? 4 : 3 });
  });
  const env = { TANVRIT_URL: server.url, TANVRIT_TOKEN: "t" };
  const run = await runProgram(home.path, ["job", "wait", second, JOB_ID, "--json"], { env });
  expect(run.exitCode).toBe(4);
  expect(JSON.parse(run.stdout).map((job: { jobId: string }) => job.jobId)).toEqual([second, JOB_ID]);
});

test("flags win over the file, and the command after -- is used unchanged", async () => {
  await using home = await makeScratch();
  using server = new ScriptedServer(() => Response.json({ jobId: JOB_ID }));
  const env = { TANVRIT_URL: server.url, TANVRIT_TOKEN: "t" };
  const manifest = "command: echo file\nname: file\nenv: {A: 1, B: 2}\nresources: {cpu: 1, memoryMb: 64}\n";
  const args = [
    "job",
    "submit",
    "-f",
    "-",
    "--name",
    "flag",
    "-e",
    "B=3",
    "--cpu",
    "0.5",
    "--",
    "--help",
    "a b",
  ];
  const run = await runProgram(home.path, args, { env, stdin: manifest });
  expect(run).toMatchObject({ exitCode: 0, stdout: `${JOB_ID}\n`, stderr: "" });
  expect(server.bodies).toMatchObject([
    {
      name: "flag",
      command: ["--help", "a b"],
      env: { A: "1", B: "3" },
      resources: { cpu: 0.5, memoryMb: 64, gpuCount: 0 },
    },
  ]);
});

test("a pipe that nobody reads any more ends every command with 141 and no message, even --version", async () => {
  await using home = await makeScratch();
  for (const args of ["--version", "job schema", "--help"]) {
    // The loop ends when the reader has gone.
    const gone = `trap "" PIPE; while echo; do :; done 2>/dev/null`;
    const script = `{ ${gone}; "$@" ${args}; echo $? >&2; } | true`;
    const env = programEnv(home.path);
    const run = Bun.spawn(["sh", "-c", script, "sh", ...program], { env, stdout: "pipe", stderr: "pipe" });
    expect(await new Response(run.stderr).text()).toBe("141\n");
  }
});

test("a reader of only the first line gets it, and no message about the broken pipe", async () => {
  await using home = await makeScratch();
  const line = (seq: number) => logEvent(1, { seq, stream: "stdout", text: `${seq} ${"x".repeat(1_000)}` });
  const many = Array.from({ length: 2_000 }, (_, i) => line(i + 1)).join("");
  using server = logServer(many);
  const script = `"$@" job logs ${JOB_ID} | head -n 1`;
  const env = programEnv(home.path, { TANVRIT_URL: server.url, TANVRIT_TOKEN: "t" });
  const run = Bun.spawn(["sh", "-c", script, "sh", ...program], { env, stdout: "pipe", stderr: "pipe" });
  expect(await new Response(run.stdout).text()).toBe(`1 ${"x".repeat(1_000)}\n`);
  expect(await new Response(run.stderr).text()).toBe("");
});

test("lines of both streams keep their order if both go to the same place, down to the last one", async () => {
  await using home = await makeScratch();
  const stream = (seq: number) => (seq % 3 === 0 ? "stderr" : "stdout");
  const line = (seq: number) => logEvent(1, { seq, stream: stream(seq), text: `line ${seq}` });
  const seqs = Array.from({ length: 5_000 }, (_, i) => i + 1);
  using server = logServer(seqs.map(line).join(""));
  const env = programEnv(home.path, { TANVRIT_URL: server.url, TANVRIT_TOKEN: "t" });
  const script = `"$@" job logs ${JOB_ID} 2>&1`;
  const run = Bun.spawn(["sh", "-c", script, "sh", ...program], { env, stdout: "pipe", stderr: "pipe" });
  expect(await new Response(run.stdout).text()).toBe(seqs.map((seq) => `line ${seq}\n`).join(""));
});

test("Ctrl-C once leaves the job alone, twice cancels it and waits for its end", async () => {
  await using home = await makeScratch();
  const over = Promise.withResolvers<void>();
  using server = new ScriptedServer((path) => {
    if (path === "jobs/cancel") over.resolve();
    if (path !== `jobs/${JOB_ID}/logs/stream`) return Response.json({ jobId: JOB_ID, status: "RUNNING" });
    const stream = new ReadableStream<Uint8Array>({
      async start(controller) {
        const send = (text: string) => controller.enqueue(new TextEncoder().encode(text));
        send(logEvent(1, { seq: 1, stream: "stderr", text: "it runs" }));
        await over.promise;
        send(end({ status: "CANCELLED" }));
        controller.close();
      },
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  });
  const env = { TANVRIT_URL: server.url, TANVRIT_TOKEN: "t" };
  const follow = ["job", "logs", "-f", JOB_ID];
  await using leaving = new Running(home.path, follow, env);
  await leaving.said(/it runs/);
  expect(await leaving.stop("SIGINT")).toBe(130);
  expect(leaving.process.signalCode).toBe("SIGINT");
  expect(leaving.stderr).toContain(`job logs -f ${JOB_ID}`);
  expect(server.requests).not.toContain("jobs/cancel");
  await using cancelling = new Running(home.path, follow, env);
  await cancelling.said(/it runs/);
  cancelling.process.kill("SIGINT");
  await cancelling.said(/Press Ctrl-C again/);
  expect(await cancelling.stop("SIGINT")).toBe(130);
  expect(cancelling.process.signalCode).toBe("SIGINT");
  expect(server.requests).toContain("jobs/cancel");
  expect(cancelling.stderr).toContain(`${JOB_ID} CANCELLED`);
});

test("text from others reaches the terminal as text: no message, table or note can control it", async () => {
  await using home = await makeScratch();
  const evil = "a\u001b]0;PWNED\u0007\u009b31m\u202ez\r";
  const clean = /[^\n\t\u0020-\u007e\u00a1-\u061b\u061d-\u200d\u2010-\u2027\u202f-\u2065\u206a-\uffff]/;
  const job = {
    jobId: JOB_ID,
    status: "FAILED",
    reason: "StartFailed",
    message: `${evil}\ntanvrit-compute: forged`,
  };
  const node = { nodeId: `node_${"0".repeat(26)}`, name: evil, verdict: "never", rule: evil, detail: evil };
  const fit = { summary: `${evil}\nforged`, nodes: [node], hint: `${evil}\nforged`, schedulable: false };
  const lines = logEvent(1, { seq: 1, stream: "system", text: `${evil}\nforged` });
  using server = new ScriptedServer((path) => {
    if (path === "jobs/why" || path === "jobs/dry-run") return Response.json(fit);
    if (path === "jobs/list")
      return Response.json({ jobs: [{ ...job, name: evil, command: evil, env: {} }] });
    if (path === "nodes/retrieve") return problem("not_found", { detail: evil });
    return path.includes("logs") ? events(lines + end(job)) : Response.json(job);
  });
  const env = { TANVRIT_URL: server.url, TANVRIT_TOKEN: "t" };
  const calls = [
    ["job", "why", JOB_ID],
    ["job", "why", JOB_ID, "--json"],
    ["job", "submit", "--dry-run", "--", "x"],
    ["job", "wait", JOB_ID],
    ["job", "run", "--", "x"],
    ["job", "logs", JOB_ID],
    ["job", "logs", JOB_ID, "--json"],
    ["job", "list"],
    ["job", "get", JOB_ID, "--json"],
    ["node", "get", node.nodeId],
    ["node", "get", node.nodeId, "--json"],
  ];
  for (const args of calls) {
    const { stdout, stderr } = await runProgram(home.path, args, { env });
    const shown = stdout + stderr;
    expect({ args, found: clean.exec(shown)?.[0] }).toEqual({ args, found: undefined });
    expect(shown).toContain("PWNED");
    expect(shown).not.toMatch(/^(tanvrit-compute: )?forged/m);
  }
});
