import { afterEach, describe, expect, test } from "bun:test";
import { getEventListeners } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LineRuns, runsOf } from "../../shared/line-runs.ts";
import type { LogLine } from "../../shared/log.ts";
import { linesOf } from "../../tests/support/lines-of.ts";
import { Segments } from "./segments.ts";
import { LogSpool, spoolRoom } from "./spool.ts";

const dir = mkdtempSync(join(tmpdir(), "spool-"));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function lines(from: number, to: number, text = "x"): LineRuns {
  return runsOf(Array.from({ length: to - from + 1 }, (_, i) => lineOf(from + i, text)));
}

function lineOf(seq: number, text: string): LogLine {
  return { seq, stream: "stdout", at: "2026-01-01T00:00:00.000Z", text };
}

function peek(spool: LogSpool, maxLines: number, maxChars: number, afterSeq?: number): LogLine[] {
  return linesOf(spool.peek({ maxLines, maxChars }, afterSeq));
}

function filesInDir(): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return []; // the spool creates its directory when it first needs it
  }
}

/** Delivers everything in requests of `maxLines`, to a server that stores all of it. */
function deliverAll(spool: LogSpool, maxLines = 100): number[] {
  const seqs: number[] = [];
  while (!spool.isDelivered) {
    const batch = peek(spool, maxLines, 1_000_000);
    // Lost last lines are noticed only when they are asked for.
    if (batch.length === 0) break;
    seqs.push(...batch.map((line) => line.seq));
    spool.acknowledge(seqs.at(-1) ?? 0);
  }
  expect(spool.isDelivered).toBe(true);
  return seqs;
}

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

describe("the log spool", () => {
  test("stays off the disk while the server keeps up", () => {
    const spool = new LogSpool("exe_a", spoolRoom(dir));
    spool.append(lines(1, 1_000));
    expect(filesInDir()).toEqual([]);
    expect(deliverAll(spool)).toEqual(upTo(1_000));
  });

  test("hands out the same lines until they are acknowledged", () => {
    const spool = new LogSpool("exe_a", spoolRoom(dir));
    spool.append(lines(1, 10));
    expect(peek(spool, 4, 1_000_000).map((line) => line.seq)).toEqual([1, 2, 3, 4]);
    expect(peek(spool, 4, 1_000_000).map((line) => line.seq)).toEqual([1, 2, 3, 4]);
    spool.acknowledge(2);
    expect(peek(spool, 4, 1_000_000).map((line) => line.seq)).toEqual([3, 4, 5, 6]);
  });

  test("spills to disk when too much waits, keeps the order, and removes its files when all is stored", () => {
    const room = spoolRoom(dir, { maxMemoryBytes: 100_000 });
    const spool = new LogSpool("exe_a", room);
    for (let i = 0; i < 100; i++) spool.append(lines(i * 100 + 1, i * 100 + 100, "y".repeat(200)));
    expect(filesInDir().length).toBeGreaterThan(0);
    expect(room.memoryBytes).toBeLessThan(400_000);
    expect(deliverAll(spool, 333)).toEqual(upTo(10_000));
    expect(filesInDir()).toEqual([]);
    expect(room.memoryBytes).toBe(0);
  });

  test("continues in memory after it has caught up", () => {
    const room = spoolRoom(dir, { serverAway: true });
    const spool = new LogSpool("exe_a", room);
    spool.append(lines(1, 5));
    spool.append(lines(6, 10));
    expect(filesInDir()).toHaveLength(1);
    room.serverAway = false;
    expect(deliverAll(spool)).toEqual(upTo(10));
    spool.append(lines(11, 12));
    expect(filesInDir()).toEqual([]);
    expect(peek(spool, 10, 1_000).map((line) => line.seq)).toEqual([11, 12]);
  });

  test("is taken over by the next run, without the lines that the server already has", () => {
    const first = new LogSpool("exe_a", spoolRoom(dir));
    first.append(lines(1, 50));
    first.acknowledge(20);
    first.keepForNextRun();
    const second = LogSpool.reopen("exe_a", spoolRoom(dir), 50);
    expect(second.isDelivered).toBe(false);
    expect(deliverAll(second)).toEqual(upTo(50).slice(20));
    expect(filesInDir()).toEqual([]);
  });

  test("survives a file that a crash cut in the middle of a line", async () => {
    const first = new LogSpool("exe_a", spoolRoom(dir));
    first.append(lines(1, 50));
    first.keepForNextRun();
    const path = join(dir, filesInDir()[0] ?? "");
    const whole = await Bun.file(path).text();
    await Bun.write(path, whole.slice(0, -20));
    const second = LogSpool.reopen("exe_a", spoolRoom(dir), 50);
    const text = expect.stringContaining("a line of the output could not be kept");
    expect(peek(second, 100, 1_000_000, 48)).toMatchObject([
      { seq: 49, stream: "stdout", text: "x" },
      { seq: 50, stream: "system", text },
    ]);
    expect(deliverAll(second)).toEqual(upTo(50));
  });

  test("loses only the lines that are damaged in its file, and counts as delivered when the file is empty", async () => {
    const first = new LogSpool("exe_a", spoolRoom(dir));
    const texts = (seq: number) => `the ${seq}th of nine lines, of which each has some length`;
    first.append(runsOf([1, 2, 3, 4, 5, 6, 7, 8, 9].map((seq) => lineOf(seq, texts(seq)))));
    first.keepForNextRun();
    const path = join(dir, filesInDir()[0] ?? "");
    const written = await Bun.file(path).bytes();
    const text = Buffer.from(written).toString();
    // The fourth line and the fifth.
    written.fill(0, text.indexOf("4th"), text.indexOf("6th") - 60);
    await Bun.write(path, written);
    expect(deliverAll(LogSpool.reopen("exe_a", spoolRoom(dir), 9))).toEqual([1, 2, 3, 6, 7, 8, 9]);
    await Bun.write(path, "");
    expect(LogSpool.reopen("exe_a", spoolRoom(dir), 9).isDelivered).toBe(true);
  });

  test("continues with new lines after its file was removed by others", () => {
    const room = spoolRoom(dir, { maxMemoryBytes: 1_000 });
    const spool = new LogSpool("exe_a", room);
    // Lines beyond what a spool keeps in memory are only in its file.
    for (let i = 0; i < 30; i++) spool.append(lines(i * 100 + 1, i * 100 + 100, "y".repeat(200)));
    rmSync(dir, { recursive: true });
    const seqs = deliverAll(spool, 1_000);
    expect(seqs).toEqual(upTo(seqs.length));
    expect(seqs.length).toBeLessThan(3_000);
    spool.append(lines(3_001, 3_002));
    expect(peek(spool, 10, 1_000).map((line) => line.seq)).toEqual([3_001, 3_002]);
  });

  test("finds its last line from the files alone", () => {
    const first = new LogSpool("exe_a", spoolRoom(dir));
    first.append(lines(1, 20));
    first.acknowledge(5);
    first.keepForNextRun();
    expect(deliverAll(LogSpool.reopen("exe_a", spoolRoom(dir)))).toEqual(upTo(20).slice(5));
  });

  test("makes the writer wait when it is full, until lines are stored", async () => {
    const spool = new LogSpool("exe_a", spoolRoom(dir, { maxSpoolBytes: 50_000, serverAway: true }));
    spool.append(lines(1, 100, "z".repeat(600)));
    expect(spool.isFull).toBe(true);
    let resumed = false;
    const { signal } = new AbortController();
    const waiting = spool.roomToWrite(signal).then(() => {
      resumed = true;
    });
    await Promise.resolve();
    expect(resumed).toBe(false);
    deliverAll(spool);
    await waiting;
    // A job may wait at every write, so listeners must not pile up.
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("releases waiting writers when it is dropped", async () => {
    const room = spoolRoom(dir, { maxSpoolBytes: 1_000, serverAway: true });
    const spool = new LogSpool("exe_a", room);
    spool.append(lines(1, 100));
    const waiting = spool.roomToWrite(new AbortController().signal);
    spool.drop();
    await waiting;
    expect(spool.isDelivered).toBe(true);
    expect(filesInDir()).toEqual([]);
    expect(room.memoryBytes).toBe(0);
  });

  test("keeps lines that a full disk does not take in memory, blocks writers, and loses nothing", () => {
    const room = spoolRoom(dir, { serverAway: true });
    const disk = new FullDisk(room.dir, "exe_a");
    const spool = new LogSpool("exe_a", room, disk);
    spool.append(lines(1, 10));
    disk.isFull = true;
    spool.append(lines(11, 20));
    expect(spool.isFull).toBe(true);
    disk.isFull = false;
    spool.append(lines(21, 30));
    expect(spool.isFull).toBe(false);
    disk.isFull = true;
    spool.append(lines(31, 40));
    room.serverAway = false;
    expect(deliverAll(spool)).toEqual(upTo(40));
    expect(spool.isFull).toBe(false);
    expect(filesInDir()).toEqual([]);
  });

  test("stays in memory when the disk takes nothing at all", () => {
    const room = spoolRoom(dir, { serverAway: true });
    const disk = new FullDisk(room.dir, "exe_a");
    disk.isFull = true;
    const spool = new LogSpool("exe_a", room, disk);
    spool.append(lines(1, 10));
    expect(deliverAll(spool)).toEqual(upTo(10));
  });
});

/** A disk that takes nothing while it is full. */
class FullDisk extends Segments {
  isFull = false;

  override append(given: readonly LineRuns[], read: boolean): void {
    if (this.isFull) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    super.append(given, read);
  }
}
