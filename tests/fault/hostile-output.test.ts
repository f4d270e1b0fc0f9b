import { afterEach, expect, test } from "bun:test";
import { limits } from "../../shared/limits.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";

const person = forAllTests(await Person.withServer({ agent: ["--slots", "2"] }));
const compute = await person.client();

afterEach(async () => {
  // Server and agent survive any output.
  expect((await compute.jobs.submitAndWait({ command: "true" })).status).toBe("SUCCESS");
});

test("a line of 2 MB without a newline arrives complete, in pieces that are marked", async () => {
  const bytes = 2 * 1024 * 1024;
  const job = await compute.jobs.submitAndWait({ command: `head -c ${bytes} /dev/zero | tr '\\0' x` });
  expect(job.status).toBe("SUCCESS");
  const lines = await linesOf(job.jobId);
  expect(lines.map((line) => line.text).join("")).toBe("x".repeat(bytes));
  expect(lines.every((line) => line.partial === true && line.text.length <= limits.maxLogLineLength)).toBe(
    true,
  );
  expect(await person.get(["job", "logs", job.jobId])).toBe("x".repeat(bytes));
});

test("binary output is shown with replacement characters, and nothing breaks", async () => {
  const command = "printf 'a\\377\\000b\\n'; head -c 200000 /dev/urandom; printf '\\nlast\\n'";
  const job = await compute.jobs.submitAndWait({ command });
  expect(job.status).toBe("SUCCESS");
  const lines = await linesOf(job.jobId);
  expect(lines[0]?.text).toBe("a\uFFFD\0b");
  expect(lines.at(-1)?.text).toBe("last");
});

test("100,000 lines in a burst arrive complete and in order", async () => {
  const count = 100_000;
  const job = await compute.jobs.submitAndWait({ command: `seq ${count}` });
  expect(job.status).toBe("SUCCESS");
  const lines = await linesOf(job.jobId);
  expect(lines).toHaveLength(count);
  expect(lines.every((line, i) => line.text === String(i + 1) && line.seq === i + 1)).toBe(true);
});

async function linesOf(jobId: string) {
  const events = await Array.fromAsync(compute.jobs.logs(jobId));
  return events.flatMap((event) => (event.event === "log" ? [event.data] : []));
}
