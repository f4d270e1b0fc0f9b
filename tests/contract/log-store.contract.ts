import { describe, expect, test } from "bun:test";
import {
  cutPacked,
  type ExecutionLines,
  LOG_START,
  type LogPlace,
  type LogRange,
  type LogStore,
  type PackedBatch,
  type StoredLine,
} from "../../server/log/log-store.ts";
import { newId } from "../../shared/ids.ts";
import type { LogLine } from "../../shared/log.ts";
import { type PackedLines, packLines, unpackLines } from "../../shared/packed-lines.ts";

const businessId = newId("biz");

/** What every log store promises. `open` gives an empty store, which is closed after each test. */
export function logStoreContract(name: string, open: () => Promise<{ store: LogStore } & AsyncDisposable>) {
  describe(`${name} keeps logs`, () => {
    test("lines come back unchanged, with their execution and attempt", async () => {
      await using opened = await open();
      const attempt = newAttempt();
      const at = "2026-03-01T12:00:00.000Z";
      const lines: LogLine[] = [
        { seq: 1, stream: "stdout", at, text: "a" },
        { seq: 2, stream: "stderr", at, text: 'quote " newline \n nul \0 \u{1F600}', partial: true },
        { seq: 3, stream: "system", at, text: "" },
        { seq: 4, stream: "stdout", at, text: "", bytes: "gP9B" },
        { seq: 5, stream: "stderr", at, text: "", bytes: "gP8A", partial: true },
        { seq: 6, stream: "system", at, text: "lines are missing here", lost: true },
      ];
      expect(await opened.store.append([{ ...attempt, ...packLines(lines) }])).toEqual([6]);
      const { executionId } = attempt;
      expect(await readAll(opened.store, attempt.jobId)).toEqual(
        lines.map((line) => ({ ...line, executionId, attempt: 1 })),
      );
    });

    test("lines that are already stored are ignored", async () => {
      await using opened = await open();
      const attempt = newAttempt();
      await opened.store.append([{ ...attempt, ...lines(1, 5, "first") }]);
      expect(await opened.store.append([{ ...attempt, ...lines(1, 5, "again") }])).toEqual([5]);
      expect(await opened.store.append([{ ...attempt, ...lines(4, 8, "again") }])).toEqual([8]);
      expect((await readAll(opened.store, attempt.jobId)).map((line) => line.text)).toEqual([
        ...unpackLines(lines(1, 5, "first")).map((line) => line.text),
        ...unpackLines(lines(6, 8, "again")).map((line) => line.text),
      ]);
    });

    test("lines after a gap are not stored, and the answer says where to resume", async () => {
      await using opened = await open();
      const attempt = newAttempt();
      expect(await opened.store.append([{ ...attempt, ...lines(2, 4) }])).toEqual([0]);
      expect(
        await opened.store.append([
          { ...attempt, ...lines(1, 3) },
          { ...attempt, ...lines(6, 9) },
        ]),
      ).toEqual([3, 3]);
      expect(await opened.store.append([{ ...attempt, ...lines(4, 9) }])).toEqual([9]);
      expect(seqs(await readAll(opened.store, attempt.jobId))).toEqual(upTo(9));
    });

    test("every batch of a call gets its answer, also several batches of one execution", async () => {
      await using opened = await open();
      const [one, two] = [newAttempt(), newAttempt()];
      const stored = await opened.store.append([
        { ...one, ...lines(1, 2) },
        { ...two, ...lines(1, 7) },
        { ...one, ...lines(3, 3) },
        { ...two, ...lines(9, 9) },
      ]);
      expect(stored).toEqual([2, 7, 3, 7]);
      expect(await opened.store.lastSeq(one.executionId)).toBe(3);
      expect(await opened.store.lastSeq(newId("exe"))).toBe(0);
    });

    test("attempts come in order, whenever their lines were stored", async () => {
      await using opened = await open();
      const jobId = newId("job");
      const [first, second, third] = [newAttempt(jobId, 1), newAttempt(jobId, 2), newAttempt(jobId, 10)];
      await opened.store.append([{ ...third, ...lines(1, 2) }]);
      await opened.store.append([{ ...second, ...lines(1, 3) }]);
      await opened.store.append([{ ...first, ...lines(1, 2) }]);
      expect(places(await readAll(opened.store, jobId))).toEqual([
        "1.1",
        "1.2",
        "2.1",
        "2.2",
        "2.3",
        "10.1",
        "10.2",
      ]);
    });

    test("a read can begin and end at any line, and respects its limit", async () => {
      await using opened = await open();
      const jobId = newId("job");
      const [first, second] = [newAttempt(jobId, 1), newAttempt(jobId, 2)];
      await opened.store.append([{ ...first, ...lines(1, 4) }]);
      await opened.store.append([{ ...first, ...lines(5, 5) }]);
      await opened.store.append([{ ...second, ...lines(1, 3) }]);
      const all = await readAll(opened.store, jobId);
      const ends: LogPlace[] = [LOG_START, ...all.map(({ attempt, seq }) => ({ attempt, seq }))];
      for (const [from, after] of ends.entries()) {
        for (const [to, until] of ends.entries()) {
          const expected = places(all.slice(from, Math.max(from, to)));
          const range = { businessId, jobId, after, until };
          expect(places(await opened.store.read({ ...range, limit: 100 }))).toEqual(expected);
          expect(places(await opened.store.read({ ...range, limit: 2 }))).toEqual(expected.slice(0, 2));
          const packed = await opened.store.readPacked({ ...range, limit: 100 });
          expect(placesOfPacked(packed, range)).toEqual(expected);
          const [some] = placesOfPacked(await opened.store.readPacked({ ...range, limit: 1 }), range);
          expect(some).toBe(expected[0]);
        }
      }
      const behindAll = { attempt: 2, seq: 3 };
      expect(await opened.store.read({ businessId, jobId, after: behindAll, limit: 9 })).toEqual([]);
      expect(await opened.store.readPacked({ businessId, jobId, after: behindAll, limit: 9 })).toEqual([]);
    });

    test("the log can be read backwards from its last line to its first, across attempts", async () => {
      await using opened = await open();
      const jobId = newId("job");
      const first = newAttempt(jobId, 1);
      for (let seq = 1; seq <= 30; seq += 3) {
        await opened.store.append([{ ...first, ...lines(seq, seq + 2) }]);
      }
      await opened.store.append([{ ...newAttempt(jobId, 2), ...lines(1, 2) }]);
      const all = await readAll(opened.store, jobId);
      const back = await Array.fromAsync(opened.store.readBack({ businessId, jobId }));
      expect(back.flat()).toEqual(all.toReversed());
      expect(await opened.store.lastPlace({ businessId, jobId })).toEqual({ attempt: 2, seq: 2 });
      const unknown = { businessId, jobId: newId("job") };
      expect(await Array.fromAsync(opened.store.readBack(unknown))).toEqual([]);
      expect(await opened.store.lastPlace(unknown)).toEqual(LOG_START);
    });

    test("another business sees nothing", async () => {
      await using opened = await open();
      const attempt = newAttempt();
      await opened.store.append([{ ...attempt, ...lines(1, 3) }]);
      const stranger = { businessId: newId("biz"), jobId: attempt.jobId };
      expect(await opened.store.read({ ...stranger, after: LOG_START, limit: 100 })).toEqual([]);
      expect(await opened.store.readPacked({ ...stranger, after: LOG_START, limit: 100 })).toEqual([]);
      expect(await opened.store.lastPlace(stranger)).toEqual(LOG_START);
      expect(await Array.fromAsync(opened.store.readBack(stranger))).toEqual([]);
    });

    test("fifty concurrent appends with many repeats leave every line once and in order", async () => {
      await using opened = await open();
      const attempts = Array.from({ length: 5 }, () => newAttempt());
      const sends = attempts.flatMap((attempt) =>
        Array.from({ length: 10 }, (_, i) => [
          { ...attempt, ...lines(1 + Math.floor(i / 2) * 20, 20 + Math.floor(i / 2) * 20, `${i}`) },
        ]),
      );
      await Promise.all(sends.map((batches) => opened.store.append(batches)));
      for (const attempt of attempts) {
        const last = await opened.store.lastSeq(attempt.executionId);
        expect(seqs(await readAll(opened.store, attempt.jobId))).toEqual(upTo(last));
        expect(await opened.store.append([{ ...attempt, ...lines(1, 100) }])).toEqual([100]);
        expect(seqs(await readAll(opened.store, attempt.jobId))).toEqual(upTo(100));
      }
    });

    test("a log of many batches, large and small, can be read completely in small steps", async () => {
      await using opened = await open();
      const attempt = newAttempt();
      const sizes = [1, 700, 1, 1, ...Array<number>(100).fill(1), 300, 33];
      let seq = 0;
      for (const size of sizes) {
        await opened.store.append([{ ...attempt, ...lines(seq + 1, seq + size) }]);
        seq += size;
      }
      expect(seqs(await readAll(opened.store, attempt.jobId, 64))).toEqual(upTo(seq));
    });
  });
}

function newAttempt(jobId = newId("job"), attempt = 1): Omit<ExecutionLines, keyof PackedLines> {
  return { businessId, jobId, executionId: newId("exe"), attempt };
}

function lines(first: number, last: number, word = "line"): PackedLines {
  const at = "2026-03-01T12:00:00.000Z";
  return packLines(
    Array.from({ length: last - first + 1 }, (_, i) => ({
      seq: first + i,
      stream: "stdout",
      at,
      text: `${word} ${first + i}`,
    })),
  );
}

async function readAll(store: LogStore, jobId: string, limit = 1_000): Promise<StoredLine[]> {
  const all: StoredLine[] = [];
  for (;;) {
    const last = all.at(-1);
    const after = last ? { attempt: last.attempt, seq: last.seq } : LOG_START;
    const found = await store.read({ businessId, jobId, after, limit });
    if (found.length === 0) return all;
    all.push(...found);
  }
}

function places(found: StoredLine[]): string[] {
  return found.map((line) => `${line.attempt}.${line.seq}`);
}

/** The lines of the range in stored batches, once what is beyond the range is cut off. */
function placesOfPacked(batches: readonly PackedBatch[], range: Pick<LogRange, "after" | "until">): string[] {
  return batches
    .flatMap((batch) => cutPacked(batch, range) ?? [])
    .flatMap(({ attempt, firstSeq, lines }) =>
      (JSON.parse(lines) as unknown[]).map((_, i) => `${attempt}.${firstSeq + i}`),
    );
}

function seqs(found: StoredLine[]): number[] {
  return found.map((line) => line.seq);
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, i) => i + 1);
}
