import { expect, test } from "bun:test";
import { linesOf } from "../../tests/support/lines-of.ts";
import { makeScratch } from "../../tests/support/scratch.ts";
import { ExecutionLog, QuietLines } from "./execution-log.ts";
import { LogSpool, spoolRoom } from "./spool.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const running = new AbortController().signal;

async function logOf(maxBytes: number | undefined, write: (log: ExecutionLog) => void): Promise<string[]> {
  await using scratch = await makeScratch();
  const spool = new LogSpool("exe_1", spoolRoom(scratch.path));
  const log = new ExecutionLog(spool, { appended: () => undefined, quiet: new QuietLines() }, maxBytes);
  write(log);
  log.end();
  return linesOf(spool.peek({ maxLines: 1_000, maxChars: 1_000_000 })).map(
    ({ stream, text, partial }) => `${stream}${partial ? "…" : ""} ${text}`,
  );
}

test("a full log ends with a line that says so, and with how much was dropped", async () => {
  const lines = await logOf(10, (log) => {
    log.write("stdout", bytes("12345\n78"), running);
    log.write("stderr", bytes("90ABC"), running);
    log.write("stdout", bytes("x".repeat(2048)), running);
    log.system("The job is being cancelled");
  });
  expect(lines).toEqual([
    "stdout 12345",
    "stdout… 78",
    "stderr… 90",
    "system The log ends here: the job wrote more than 10 bytes, the limit of this log. The job keeps running.",
    "system The job is being cancelled",
    "system 2 KiB more of its output was dropped.",
  ]);
});

test("a log that is exactly at its limit is complete, without a notice", async () => {
  expect(await logOf(4, (log) => log.write("stdout", bytes("abc\n"), running))).toEqual(["stdout abc"]);
  expect(await logOf(undefined, (log) => log.write("stdout", bytes("abc\n"), running))).toEqual([
    "stdout abc",
  ]);
});

test("a full spool does not block a job that is being ended, and the log says what is missing", async () => {
  await using scratch = await makeScratch();
  const spool = new LogSpool("exe_1", spoolRoom(scratch.path, { maxSpoolBytes: 100 }));
  const log = new ExecutionLog(spool, { appended: () => undefined, quiet: new QuietLines() });
  const room = log.write("stdout", bytes("one\n"), running);
  log.hurry();
  await room;
  expect(log.write("stdout", bytes("two\n"), running)).toBeUndefined();
  expect(log.write("stdout", bytes("x".repeat(3_000)), running)).toBeUndefined();
  log.end();
  const texts = linesOf(spool.peek({ maxLines: 1_000, maxChars: 1_000_000 })).map((line) => line.text);
  expect(texts.slice(-3)).toEqual([
    "two",
    "The log ends here: the server is not taking the output from this node, and the job is being ended.",
    "2.9 KiB more of its output was dropped.",
  ]);
});
