import { expect, test } from "bun:test";
import { limits } from "../../shared/limits.ts";
import { readResults } from "./result-file.ts";

const read = (text: string | Uint8Array) =>
  readResults(typeof text === "string" ? new TextEncoder().encode(text) : text);

test("each line gives a key its value: everything after the first =, and a later line wins", () => {
  expect(read("a=1\nurl=http://x/?y=z<<w\n\nempty=\na=2\nlast=no newline").results).toEqual({
    a: "2",
    url: "http://x/?y=z<<w",
    empty: "",
    last: "no newline",
  });
});

test("a heredoc gives several lines as they are", () => {
  const { results, problems } = read("notes<<EOF\nfirst\n\n  x=1\nEOF \nEOF\nafter=1\nnothing<<E\nE\n");
  expect(results).toEqual({ notes: "first\n\n  x=1\nEOF ", after: "1", nothing: "" });
  expect(problems).toEqual([]);
});

test("a line that is neither is named by its number, and the others count", () => {
  const { results, problems } = read("ok=1\nnonsense\n9x=1\nk<<\n a=1\nopen<<END\nnever ended\n");
  expect(results).toEqual({ ok: "1" });
  expect(problems.map(({ message }) => message.split(" ").slice(0, 4).join(" "))).toEqual([
    "line 2 is neither",
    "line 3 has a",
    "line 4 has no",
    "line 5 has a",
    "line 6 begins a",
  ]);
  expect(problems.at(-1)?.message).toBe("line 6 begins a value of open, and no line END ends it");
});

test("what is not UTF-8, the 1,001st key and what comes after 64 KiB do not count", () => {
  expect(read(Buffer.from([0x61, 0x3d, 0xff, 0x0a, 0x62, 0x3d, 0x31]))).toMatchObject({
    results: { b: "1" },
  });
  const many = read(Array.from({ length: 1_002 }, (_, i) => `k${i}=1\n`).join(""));
  expect([Object.keys(many.results).length, many.problems.length]).toEqual([1_000, 2]);
  const long = read(`a=1\nb=${"x".repeat(limits.maxResultsBytes)}\nc=1\n`);
  expect(long.results).toEqual({ a: "1" });
  expect(long.problems.at(-1)?.message).toContain("more than 65536 bytes");
});

test("a key that JavaScript knows for objects is a key like any other", () => {
  expect(Object.entries(read("constructor=1\n__proto__=2\n").results)).toEqual([
    ["constructor", "1"],
    ["__proto__", "2"],
  ]);
});
