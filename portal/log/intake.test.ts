import { expect, test } from "bun:test";
import { plainText } from "./clean-text.ts";
import { Intake } from "./intake.ts";
import type { LogSourceEvent, PackedLine } from "./source.ts";

const AT = "2026-01-01T00:00:00.000Z";

function packed(seq: number, lines: PackedLine[], attempt = 1): LogSourceEvent {
  return { event: "lines", data: { executionId: "x", attempt, seq, lines } };
}

function out(seq: number, ...texts: string[]): LogSourceEvent {
  return packed(
    seq,
    texts.map((text) => ["o", AT, text]),
  );
}

function intakeOf(...events: LogSourceEvent[]): Intake {
  const intake = new Intake();
  for (const event of events) intake.take(event);
  return intake;
}

/** Each line as text, and each mark as its kind. */
function shown({ store }: Intake): string[] {
  return Array.from({ length: store.end - store.first }, (_, i) => {
    const mark = store.marks.get(store.first + i);
    return mark ? `(${mark.kind})` : plainText(store.textOf(store.first + i));
  });
}

test("single lines and packed lines are the same lines", () => {
  const data = { executionId: "x", attempt: 1, at: AT, stream: "stderr" as const };
  const intake = intakeOf(
    { event: "log", id: "1.1", data: { ...data, seq: 1, text: "one" } },
    packed(2, [["e", AT, "two"]]),
  );
  expect(shown(intake)).toEqual(["one", "two"]);
  expect([intake.store.streamOf(0), intake.store.streamOf(1)]).toEqual([1, 1]);
  expect([intake.store.placeOf(1), intake.store.atMsOf(1)]).toEqual([{ attempt: 1, seq: 2 }, Date.parse(AT)]);
});

test("what was there before is not there twice", () => {
  expect(shown(intakeOf(out(1, "a", "b"), out(2, "b", "c")))).toEqual(["a", "b", "c"]);
});

test("the pieces of a line become one line, also around lines of another stream", () => {
  const intake = intakeOf(
    packed(1, [
      ["o", AT, "be", 1],
      ["e", AT, "between"],
      ["o", AT, "gin", 1],
    ]),
  );
  expect(shown(intake)).toEqual(["begin", "between"]);
  intake.take(
    packed(4, [
      ["o", AT, "ning"],
      ["o", AT, "next"],
    ]),
  );
  expect(shown(intake)).toEqual(["beginning", "between", "next"]);
});

test("a progress bar that comes in pieces is one line in its last state", () => {
  const intake = intakeOf(packed(1, [["o", AT, "10%", 1]]));
  for (let i = 11; i < 100; i++) intake.take(packed(i - 9, [["o", AT, `\r${i}%`, 1]]));
  expect(shown(intake)).toEqual(["99%"]);
  intake.take(
    packed(91, [
      ["o", AT, "\rdone"],
      ["o", AT, "after"],
    ]),
  );
  expect(shown(intake)).toEqual(["done", "after"]);
  expect(intake.takeRewritten()).toEqual([0]);
});

test("an output that ends without a newline is a line", () => {
  const end: LogSourceEvent = { event: "end", data: { jobId: "j", status: "SUCCESS", attempt: 1 } };
  expect(shown(intakeOf(packed(1, [["o", AT, "no newline", 1]]), end))).toEqual(["no newline"]);
});

test("bytes that are no text are shown with replacement characters", () => {
  expect(shown(intakeOf(packed(1, [["o", AT, btoa("a\xffb"), 2]])))).toEqual(["a\ufffdb"]);
});

test("attempts, gaps and removed lines get rows", () => {
  const intake = intakeOf(
    { event: "removed", data: { lines: 5, at: AT } },
    out(6, "a"),
    { event: "gap", data: { missed: 3 } },
    out(10, "b"),
    packed(1, [["o", AT, "again"]], 2),
  );
  expect(shown(intake)).toEqual(["(removed)", "a", "(gap)", "b", "(attempt)", "again"]);
  expect(intake.store.indexOf({ attempt: 1, seq: 10 })).toBe(3);
  expect(intake.store.indexOf({ attempt: 2, seq: 1 })).toBe(5);
  expect(intake.store.indexOf({ attempt: 1, seq: 999 })).toBe(3);
});

test("the lines that a gap left out can be put in its place", () => {
  const intake = intakeOf(
    out(1, "a"),
    { event: "gap", data: { missed: 3 } },
    out(5, "::group::g", "e", "::endgroup::"),
  );
  const gap = intake.store.marks.get(1);
  if (!gap) throw new Error("no gap");
  const found = new Intake();
  found.last = { attempt: 1, seq: 1 };
  found.until = intake.store.placeOf(1);
  found.take(out(1, "a", "b", "::group::h", "d", "::group::g", "e"));
  expect(intake.fill(gap, found)).toEqual({ at: 1, added: 2 });
  expect(shown(intake)).toEqual(["a", "b", "::group::h", "d", "::group::g", "e"]);
  expect(intake.groups.all.map(({ header, end }) => [header, end])).toEqual([
    [2, 4],
    [4, 6],
  ]);
});

test("colours go on over lines of the same stream", () => {
  const { store } = intakeOf(
    packed(1, [
      ["o", AT, "\x1b[31mred"],
      ["e", AT, "plain"],
      ["o", AT, "still red\x1b[0m"],
    ]),
  );
  expect(store.styleOfLine(0)).toBe("");
  expect(store.styleOfLine(1)).toBe("");
  expect(store.styleOfLine(2)).toContain("ansi-red");
});

test("lines that are lost for good are a warning", () => {
  const intake = intakeOf(packed(1, [["s", AT, "12 lines are lost: the disk was full", 4]]));
  expect(intake.store.levelOf(0)).toBe("warning");
});

test("errors and warnings are counted and marked", () => {
  const intake = intakeOf(
    out(1, "::error file=a.ts,line=3::bad", "##[warning]odd", "::notice::so", "error: plain"),
  );
  expect(intake.counts).toMatchObject({ error: 1, warning: 1, notice: 1, plain: 1 });
  expect(intake.store.levelOf(0)).toBe("error");
});

test("beyond its limits, the store drops the oldest lines and keeps the rest", () => {
  const intake = new Intake({ maxLines: 50_000, maxTextBytes: 2 * 1024 * 1024 });
  for (let i = 0; i < 200; i++)
    intake.take(out(i * 500 + 1, ...Array.from({ length: 500 }, (_, j) => `line ${i * 500 + j}`)));
  const { store } = intake;
  expect(store.end).toBe(100_000);
  expect(store.end - store.first).toBeLessThanOrEqual(50_000);
  expect(store.textOf(store.first)).toBe(`line ${store.first}`);
  expect(store.textOf(99_999)).toBe("line 99999");
  expect(store.indexOf({ attempt: 1, seq: 1 })).toBe(store.first);
});
