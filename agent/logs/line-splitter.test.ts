import { describe, expect, test } from "bun:test";
import { LineSplitter } from "./line-splitter.ts";

type Piece = [text: string, partial: boolean];

function splitAll(chunks: (string | Uint8Array)[], maxLength = 8): Piece[] {
  const pieces: Piece[] = [];
  const splitter = new LineSplitter((text, partial) => pieces.push([text, partial]), maxLength);
  for (const chunk of chunks) splitter.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
  splitter.end();
  return pieces;
}

describe("the line splitter", () => {
  test("joins lines over chunks and marks an unterminated end as partial", () => {
    expect(splitAll(["a", "b\nc\n\nd"])).toEqual([
      ["ab", false],
      ["c", false],
      ["", false],
      ["d", true],
    ]);
  });

  test("keeps carriage returns and a byte order mark", () => {
    expect(splitAll(["10%\r20%\r\n"])).toEqual([["10%\r20%\r", false]]);
    expect(splitAll(["\ufeffx\n"])).toEqual([["\ufeffx", false]]);
  });

  test("cuts long lines into partial pieces, the last of them not partial", () => {
    expect(splitAll(["0123456789abcdefXY\n"])).toEqual([
      ["01234567", true],
      ["89abcdef", true],
      ["XY", false],
    ]);
    expect(splitAll(["01234567\n"])).toEqual([["01234567", false]]);
  });

  test("never tears a surrogate pair, whichever way the bytes arrive", () => {
    const text = `1234567${"😀".repeat(9)}`;
    const bytes = [...Buffer.from(text)].map((byte) => Uint8Array.of(byte));
    const pieces = splitAll(bytes);
    expect(pieces.map(([piece]) => piece).join("")).toBe(text);
    for (const [piece] of pieces) expect(piece.isWellFormed()).toBe(true);
  });

  test("turns bytes that are not UTF-8 into U+FFFD and goes on", () => {
    expect(splitAll([Uint8Array.of(0xff, 0xfe, 0x41, 0x0a, 0xe2, 0x82)])).toEqual([
      ["\ufffd\ufffdA", false],
      ["\ufffd", true],
    ]);
    expect(splitAll([Uint8Array.of(0x00, 0x0a)])).toEqual([["\0", false]]);
  });

  test("closes a flushed line with an empty piece when its newline comes", () => {
    const pieces: Piece[] = [];
    const splitter = new LineSplitter((text, partial) => pieces.push([text, partial]));
    splitter.push(Buffer.from("Password: "));
    splitter.flush();
    expect(splitter.hasRest).toBe(false);
    splitter.push(Buffer.from("\n"));
    splitter.end();
    expect(pieces).toEqual([
      ["Password: ", true],
      ["", false],
    ]);
  });

  test("holds no more than a line's limit of a stream without newlines", () => {
    let total = 0;
    const splitter = new LineSplitter((text) => {
      expect(text.length).toBeLessThanOrEqual(32 * 1024);
      total += text.length;
    });
    const block = Buffer.alloc(256 * 1024, 0x78);
    for (let i = 0; i < 8; i++) splitter.push(block);
    splitter.end();
    expect(total).toBe(2 * 1024 * 1024);
  });
});
