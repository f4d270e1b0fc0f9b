import { expect, test } from "bun:test";
import { newId } from "../../shared/ids.ts";
import type { LogLine, LogStream } from "../../shared/log.ts";
import { packLines } from "../../shared/packed-lines.ts";
import { LogWorld } from "../../tests/support/log-world.ts";

/** `o:text` is a line of stdout, `e:text` of stderr, `s:text` of the agent. A final `~` means that no newline followed. */
function piecesOf(words: string): LogLine[] {
  const streams: Record<string, LogStream> = { o: "stdout", e: "stderr", s: "system" };
  return words.split(" ").map((word, i) => {
    const [stream = "", text = ""] = word.split(":");
    const line: LogLine = {
      seq: i + 1,
      stream: streams[stream] ?? "stdout",
      at: AT,
      text: text.replace("~", ""),
    };
    if (text.endsWith("~")) line.partial = true;
    return line;
  });
}

const AT = "2026-03-01T12:00:00.000Z";

async function tailOf(attempts: string[], lines: number): Promise<string> {
  await using world = await LogWorld.open();
  const { businessId, jobId } = world;
  for (const [i, words] of attempts.entries()) {
    const executionId = newId("exe");
    // Stored piece by piece, as a job that writes slowly leaves it.
    for (const line of piecesOf(words)) {
      await world.store.append([{ businessId, jobId, executionId, attempt: i + 1, ...packLines([line]) }]);
    }
  }
  const events = await Array.fromAsync(world.follow({ follow: false, tail: lines }));
  return events
    .flat()
    .map(({ data }) => {
      const { text, partial } = data as LogLine;
      return partial ? `${text}~` : text;
    })
    .join(" ");
}

test("a line in many pieces counts once, and so does a line without its newline", async () => {
  const log = ["o:a o:b1~ o:b2~ o:b3 o:c1~ o:c2~"];
  expect(await tailOf(log, 0)).toBe("");
  expect(await tailOf(log, 1)).toBe("c1~ c2~");
  expect(await tailOf(log, 2)).toBe("b1~ b2~ b3 c1~ c2~");
  expect(await tailOf(log, 3)).toBe("a b1~ b2~ b3 c1~ c2~");
  expect(await tailOf(log, 1_000_000)).toBe("a b1~ b2~ b3 c1~ c2~");
});

test("lines of two streams written piece by piece at the same time are counted separately", async () => {
  const log = ["o:x o:a1~ e:1 e:2~ o:a2~ e:2b e:3 o:a3"];
  expect(await tailOf(log, 1)).toBe("a1~ a2~ a3");
  expect(await tailOf(log, 2)).toBe("a1~ a2~ 3 a3");
  expect(await tailOf(log, 3)).toBe("a1~ 2~ a2~ 2b 3 a3");
  expect(await tailOf(log, 4)).toBe("a1~ 1 2~ a2~ 2b 3 a3");
});

test("the tail counts over attempts, and a new attempt ends the lines of the attempt before", async () => {
  const log = ["o:a o:b~", "s:start o:c"];
  expect(await tailOf(log, 1)).toBe("c");
  expect(await tailOf(log, 2)).toBe("start c");
  expect(await tailOf(log, 3)).toBe("b~ start c");
  expect(await tailOf(log, 4)).toBe("a b~ start c");
});
