import { expect, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { program, programEnv } from "../support/program.ts";
import { within } from "../support/wait.ts";

const END_LIMIT_MS = 90_000;
/** More than the pipe, the sockets and the live lines of the server can hold together. */
const LINES = 60_000;
const COMMAND = ["--", "sh", "-c", `seq -f %0500.f ${LINES}`];

const person = forAllTests(await Person.withServer({ agent: ["--slots", "4"] }));

/** Runs the program, and reads none of its output before `until` has resolved. */
async function readLate(args: string[], until: () => Promise<unknown>) {
  const running = Bun.spawn([...program(), ...args], {
    cwd: person.home.path,
    env: programEnv(person.home.path),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  try {
    await until();
    const stdout = await within(END_LIMIT_MS, args.join(" "), new Response(running.stdout).text());
    return { stdout, stderr: await new Response(running.stderr).text(), exitCode: await running.exited };
  } finally {
    running.kill("SIGKILL");
  }
}

function expectWhole({ stdout, exitCode }: { stdout: string; exitCode: number }): void {
  expect(exitCode).toBe(0);
  const lines = stdout.trimEnd().split("\n");
  expect(lines).toHaveLength(LINES);
  expect(lines.every((line, i) => Number(line) === i + 1)).toBe(true);
}

async function newestJobIsOver(name: string): Promise<void> {
  for (;;) {
    const [job] = JSON.parse(await person.get(["job", "list", "--name", name, "--limit", "1", "--json"]));
    if (job) return void (await person.run(["job", "wait", job.jobId], { timeoutMs: END_LIMIT_MS }));
  }
}

for (const start of [["run"], ["submit", "--follow"]]) {
  test(`job ${start.join(" ")} gives every line to a reader that starts when the job is over`, async () => {
    const name = `late-${start[0]}`;
    const args = ["job", ...start, "--name", name, ...COMMAND];
    expectWhole(await readLate(args, () => newestJobIsOver(name)));
  });
}

test("job logs -f gives every line to a reader that starts when the job is over", async () => {
  const jobId = await person.submit(["--name", "late-logs", ...COMMAND]);
  expectWhole(await readLate(["job", "logs", "-f", jobId], () => newestJobIsOver("late-logs")));
});

test("output beyond the log limit of a job is missing, and where the output is data this is a failure", async () => {
  const run = await person.run(["job", "run", "--max-log", "1", "--", "sh", "-c", "seq 1 400000"]);
  expect(run.exitCode).toBe(74);
  expect(run.stderr).toContain("part of the output of job job_");
  expect(run.stdout).toStartWith("1\n2\n3\n");
});
