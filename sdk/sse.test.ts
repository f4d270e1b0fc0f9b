import { expect, test } from "bun:test";
import { type SseEvent, SseParser } from "./sse.ts";

const encoder = new TextEncoder();

function parse(...chunks: (string | Uint8Array)[]): SseEvent[] {
  const parser = new SseParser();
  return chunks.flatMap((chunk) => parser.push(typeof chunk === "string" ? encoder.encode(chunk) : chunk));
}

test("an event has its name, id and data", () => {
  expect(parse("id: 1.7\nevent: log\ndata: {}\n\n")).toEqual([{ event: "log", id: "1.7", data: "{}" }]);
});

test("chunks may end anywhere, even inside a character or a CRLF", () => {
  const bytes = encoder.encode("id: 1.1\r\nevent: log\r\ndata: größe 🚀\r\n\r\n: comment\r\ndata:x\r\n\r\n");
  const whole = parse(bytes);
  expect(whole.map((event) => event.data)).toEqual(["größe 🚀", "x"]);
  expect(parse(...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(whole);
});

test("data lines are joined, comments and unknown fields are skipped, and the id stays", () => {
  expect(parse(": hi\nid: 4\nretry: 10\ndata: a\ndata: b\n\nnonsense\ndata\n\n")).toEqual([
    { event: "message", id: "4", data: "a\nb" },
    { event: "message", id: "4", data: "" },
  ]);
});

test("an event without data, or cut off by the end of the stream, is dropped", () => {
  expect(parse("event: log\n\nevent: end\ndata: {}\n")).toEqual([]);
});

test("an endless line is refused before it fills the memory", () => {
  const parser = new SseParser();
  const chunk = encoder.encode("x".repeat(1024 * 1024));
  expect(() => {
    for (let i = 0; i < 20; i++) parser.push(chunk);
  }).toThrow(RangeError);
});
