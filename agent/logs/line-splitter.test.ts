import { describe, expect, test } from "bun:test";
import { type LineSink, LineSplitter } from "./line-splitter.ts";

type Piece = [piece: string | number[], partial: boolean];

/** Bytes that are not text are shown as their numbers. */
function pieceOf(piece: string | Uint8Array): string | number[] {
  return typeof piece === "string" ? piece : [...piece];
}

/** Takes lines one by one, also those that come together. */
function sinkOf(take: LineSink["take"]): LineSink {
  return {
    take,
    takeLines(text, count) {
      const lines = text.split("\n");
      expect(lines.pop()).toBe("");
      expect(lines).toHaveLength(count);
      for (const line of lines) take(line, false);
    },
  };
}

function splitAll(chunks: (string | Uint8Array)[], maxLength = 8): Piece[] {
  const pieces: Piece[] = [];
  const splitter = new LineSplitter(
    sinkOf((piece, partial) => pieces.push([pieceOf(piece), partial])),
    maxLength,
  );
  for (const chunk of chunks) splitter.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
  splitter.end();
  return pieces;
}

describe("the line splitter", () => {
  test("joins lines across chunks and marks an unterminated end as partial", () => {
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

  test("cuts long lines into partial pieces, of which only the last is not partial", () => {
    expect(splitAll(["0123456789abcdefXY\n"])).toEqual([
      ["01234567", true],
      ["89abcdef", true],
      ["XY", false],
    ]);
    expect(splitAll(["01234567\n"])).toEqual([["01234567", false]]);
  });

  test("never splits a surrogate pair, however the bytes arrive", () => {
    const text = `1234567${"😀".repeat(9)}`;
    const bytes = [...Buffer.from(text)].map((byte) => Uint8Array.of(byte));
    const pieces = splitAll(bytes);
    expect(pieces.map(([piece]) => piece).join("")).toBe(text);
    for (const [piece] of pieces) expect(String(piece).isWellFormed()).toBe(true);
  });

  test("passes a line that is not UTF-8 on as bytes, and any other as text", () => {
    const bytes = [0xff, 0xfe, 0x41, 0x0a, 0x42, 0x0a, 0xe2, 0x82];
    const expected: Piece[] = [
      [[0xff, 0xfe, 0x41], false],
      ["B", false],
      [[0xe2, 0x82], true],
    ];
    expect(splitAll([Uint8Array.from(bytes)])).toEqual(expected);
    expect(splitAll(bytes.map((byte) => Uint8Array.of(byte)))).toEqual(expected);
    expect(splitAll([Uint8Array.of(0x00, 0x0a)])).toEqual([["\0", false]]);
  });

  test("loses and changes no byte, for any input in any chunks", () => {
    const hostile = [
      0x0a, 0x0d, 0x00, 0x41, 0x80, 0xbf, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80, 0xff,
    ];
    for (let round = 0; round < 300; round++) {
      const next = (below: number) => Math.floor(Math.random() * below);
      const all = Uint8Array.from({ length: next(200) }, () => hostile[next(hostile.length)] ?? 0);
      const got: Uint8Array[] = [];
      const splitter = new LineSplitter(
        sinkOf((piece, partial) => {
          const bytes = Buffer.from(piece as Uint8Array);
          expect(bytes.length).toBeLessThanOrEqual(8);
          got.push(bytes, partial ? Buffer.alloc(0) : Buffer.from("\n"));
        }),
        8,
      );
      for (let at = 0; at < all.length; ) {
        const length = 1 + next(20);
        splitter.push(all.subarray(at, at + length));
        if (next(4) === 0) splitter.flush();
        at += length;
      }
      splitter.end();
      expect(Buffer.concat(got).toString("hex")).toBe(Buffer.from(all).toString("hex"));
    }
  });

  test("text stays text wherever the chunks cut it", () => {
    const text = `äöü€😀${"線".repeat(20)}\n`.repeat(20);
    for (let size = 1; size < 12; size++) {
      const bytes = Buffer.from(text);
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      );
      const pieces = splitAll(chunks, 1_000);
      expect(pieces.map(([piece]) => piece)).toEqual(text.split("\n").slice(0, -1));
    }
  });

  test("closes a flushed line with an empty piece when its newline comes", () => {
    const pieces: Piece[] = [];
    const splitter = new LineSplitter(sinkOf((piece, partial) => pieces.push([pieceOf(piece), partial])));
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

  test("keeps no more than one line's limit of a stream without newlines", () => {
    let total = 0;
    const splitter = new LineSplitter(
      sinkOf((piece) => {
        expect(piece.length).toBeLessThanOrEqual(32 * 1024);
        total += piece.length;
      }),
    );
    const block = Buffer.alloc(256 * 1024, 0x78);
    for (let i = 0; i < 8; i++) splitter.push(block);
    splitter.end();
    expect(total).toBe(2 * 1024 * 1024);
  });
});
