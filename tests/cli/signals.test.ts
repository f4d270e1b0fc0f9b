import { expect, test } from "bun:test";
import { join } from "node:path";
import { inTime } from "../../shared/wait.ts";
import { programEnv, Running } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";
import { waitFor, within } from "../support/wait.ts";
import { JOB_ID, logEvent, problem, ScriptedServer } from "./scripted-server.ts";

const program = [process.execPath, join(import.meta.dirname, "..", "..", "cmd", "main.ts")];

/** A server with one job, which writes two lines and then nothing until it is cancelled. */
class OneJob implements Disposable {
  readonly server: ScriptedServer;
  private readonly cancelled = Promise.withResolvers<void>();

  constructor() {
    this.server = new ScriptedServer((path) => this.answer(path));
  }

  get env(): Record<string, string> {
    return { TANVRIT_URL: this.server.url, TANVRIT_TOKEN: "t" };
  }

  get submits(): number {
    return this.server.requests.filter((path) => path === "jobs/submit").length;
  }

  get cancels(): number {
    return this.server.requests.filter((path) => path === "jobs/cancel").length;
  }

  [Symbol.dispose](): void {
    this.server[Symbol.dispose]();
  }

  private async answer(path: string): Promise<Response> {
    if (path === "jobs/cancel") this.cancelled.resolve();
    if (path === "jobs/submit" || path === "jobs/cancel")
      return Response.json({ jobId: JOB_ID, status: "RUNNING" });
    if (path.includes("logs")) return this.log();
    if (path !== "jobs/retrieve") return problem("not_found");
    await inTime(300, this.cancelled.promise);
    const isOver = this.cancels > 0;
    return Response.json({ jobId: JOB_ID, status: isOver ? "CANCELLED" : "RUNNING" });
  }

  private log(): Response {
    const end = `event: end\ndata: ${JSON.stringify({ jobId: JOB_ID, attempt: 1, status: "CANCELLED" })}\n\n`;
    const stream = new ReadableStream<Uint8Array>({
      start: async (controller) => {
        const send = (text: string) => controller.enqueue(new TextEncoder().encode(text));
        send(logEvent(1, { seq: 1, stream: "stdout", text: "ready" }));
        send(logEvent(1, { seq: 2, stream: "stderr", text: "it runs" }));
        await this.cancelled.promise;
        send(end);
        controller.close();
      },
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  }
}

const waits: Record<string, string[]> = {
  "job run": ["job", "run", "--", "x"],
  "job submit --follow": ["job", "submit", "--follow", "--", "x"],
  "job submit --wait": ["job", "submit", "--wait", "--", "x"],
  "job logs -f": ["job", "logs", "-f", JOB_ID],
  "job wait": ["job", "wait", JOB_ID],
};

for (const [name, args] of Object.entries(waits)) {
  test(`${name} says that the job goes on and dies of TERM, HUP and INT`, async () => {
    for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) {
      await using home = await makeScratch();
      using job = new OneJob();
      await using running = new Running(home.path, args, job.env);
      await waitFor("the wait to begin", () =>
        job.server.requests.find((path) => path === "jobs/retrieve" || path.includes("logs")),
      );
      if (args.includes("-f") || args.includes("--follow")) await running.said(/it runs/);
      await running.stop(signal);
      expect({ signal, by: running.process.signalCode }).toEqual({ signal, by: signal });
      expect(running.stderr).toContain(`job ${JOB_ID} goes on`);
      expect(running.stderr).toContain(`job logs -f ${JOB_ID}`);
      expect(job.cancels).toBe(0);
    }
  });
}

for (const name of ["job run", "job submit --follow", "job submit --wait"]) {
  test(`${name} --cancel-on-exit cancels the job, waits for its end and dies of the signal`, async () => {
    for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) {
      await using home = await makeScratch();
      using job = new OneJob();
      const [first = "", second = "", ...rest] = waits[name] ?? [];
      await using running = new Running(home.path, [first, second, "--cancel-on-exit", ...rest], job.env);
      await waitFor("the wait to begin", () => job.server.requests.length > 1);
      if (name !== "job submit --wait") await running.said(/it runs/);
      await running.stop(signal);
      expect({ signal, by: running.process.signalCode, cancels: job.cancels }).toEqual({
        signal,
        by: signal,
        cancels: 1,
      });
      expect(running.stderr).toContain("CANCELLED");
    }
  });
}

test("Ctrl-C ends a shell's loop: the next job is not submitted", async () => {
  await using home = await makeScratch();
  using job = new OneJob();
  const env = programEnv(home.path, job.env);
  const script = `for i in 1 2 3; do "$@" job run -- x; echo "rc=$?"; done`;
  const loop = Bun.spawn(["bash", "-c", script, "bash", ...program], {
    env,
    detached: true,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  await waitFor("the first job", () => job.submits === 1 && job.server.requests.length > 1);
  await waitFor("its view", () => job.server.requests.some((path) => path.includes("logs")));
  // Like a terminal: to everyone in the foreground.
  process.kill(-loop.pid, "SIGINT");
  await within(15_000, "the end of the loop", loop.exited);
  expect(loop.signalCode).toBe("SIGINT");
  expect(await new Response(loop.stdout).text()).toBe("ready\n");
  expect(job.submits).toBe(1);
});

test("under nohup, closing the terminal ends nothing", async () => {
  await using home = await makeScratch();
  using job = new OneJob();
  const env = programEnv(home.path, job.env);
  const script = `trap "" HUP; exec "$@" job logs -f ${JOB_ID}`;
  const running = Bun.spawn(["sh", "-c", script, "sh", ...program], {
    env,
    stdout: "pipe",
    stderr: "ignore",
  });
  const reader = running.stdout.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("ready\n");
  running.kill("SIGHUP");
  running.kill("SIGTERM");
  await within(15_000, "the end", running.exited);
  expect(running.signalCode).toBe("SIGTERM");
});

/** Reads only the first line that the program writes. Resolves with its stderr, which ends with the exit code. */
async function readOneLine(home: string, job: OneJob, args: string[]): Promise<string> {
  const script = `{ "$@"; echo $? >&2; } | head -n 1`;
  const env = programEnv(home, job.env);
  const run = Bun.spawn(["sh", "-c", script, "sh", ...program, ...args], {
    env,
    stdout: "pipe",
    stderr: "pipe",
  });
  expect(await new Response(run.stdout).text()).toBe("ready\n");
  return within(10_000, args.join(" "), new Response(run.stderr).text());
}

test("a reader that goes is noticed immediately, even while the job is silent", async () => {
  await using home = await makeScratch();
  using job = new OneJob();
  for (const name of ["job run", "job submit --follow", "job logs -f"]) {
    expect(await readOneLine(home.path, job, waits[name] ?? [])).toEndWith("141\n");
  }
  expect(job.cancels).toBe(0);
});

test("a socket that the reader has closed is noticed like a pipe", async () => {
  await using home = await makeScratch();
  using job = new OneJob();
  const env = programEnv(home.path, job.env);
  const running = Bun.spawn([...program, "job", "logs", "-f", JOB_ID], {
    env,
    stdout: "pipe",
    stderr: "ignore",
  });
  const reader = running.stdout.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("ready\n");
  await reader.cancel();
  expect(await within(10_000, "the end", running.exited)).toBe(141);
});

test("--cancel-on-exit also cancels the job whose output nobody reads any more", async () => {
  await using home = await makeScratch();
  using job = new OneJob();
  expect(await readOneLine(home.path, job, ["job", "run", "--cancel-on-exit", "--", "x"])).toEndWith("141\n");
  expect(job.cancels).toBe(1);
});

test("--cancel-on-exit without a wait is wrong usage", async () => {
  await using home = await makeScratch();
  await using running = new Running(home.path, ["job", "submit", "--cancel-on-exit", "--", "x"]);
  expect(await running.ended()).toBe(64);
});

test("input that is piped in for the job gets a note, and a loop's list is not read", async () => {
  await using home = await makeScratch();
  using job = new OneJob();
  const env = programEnv(home.path, job.env);
  await Bun.write(home.join("list"), "1\n2\n3\n");
  const submit = `"$@" job submit -- x`;
  const said = async (script: string) => {
    const options = { env, cwd: home.path, stdin: "ignore", stdout: "pipe", stderr: "pipe" } as const;
    const run = Bun.spawn(["bash", "-c", script, "bash", ...program], options);
    return within(20_000, script, new Response(run.stderr).text());
  };
  const note = "tanvrit-compute: standard input is not sent to the job; the job's own is empty.\n";
  expect(await said(`echo data | ${submit}`)).toBe(note);
  expect(await said(`${submit} < list`)).toBe(note);
  expect(await said(submit)).toBe("");
  expect(await said(`echo '{"command": "x"}' | "$@" job submit -f -`)).toBe("");
  for (const loop of [
    `while read x; do ${submit}; done < list`,
    `cat list | while read x; do ${submit}; done`,
  ]) {
    const before = job.submits;
    expect(await said(loop)).toBe("");
    expect(job.submits - before).toBe(3);
  }
});
