import { expect, test } from "bun:test";
import { fileLimits } from "./file-limits.ts";
import { PACK_HEADER_BYTES, packHeader } from "./pack.ts";
import { PackError, PackReader } from "./pack-reader.ts";
import { sha256Of } from "./sha256.ts";

const contents = ["a", "hello", "x".repeat(70_000), "\0"].map((text) => Buffer.from(text));

test("blobs arrive as they were sent, however the bytes are cut", () => {
  const pack = packOf(...contents);
  for (const cut of [1, 2, 39, 40, 41, 1_000, pack.length]) expect(read(pack, cut)).toEqual(contents);
});

test("a content that changed on its way is refused, and both digests are named", () => {
  const pack = packOf(...contents);
  pack[PACK_HEADER_BYTES] = 0x60;
  expect(() => read(pack, 100)).toThrow(PackError);
  expect(() => read(pack, 100)).toThrow(
    `the content of blob ${sha256Of(Buffer.from("a"))} has the digest ${sha256Of(Buffer.from("`"))}: it changed on its way`,
  );
});

test("a pack that ends early is refused, in a header as in a content", () => {
  const pack = packOf(Buffer.from("hello"));
  for (let length = 1; length < pack.length; length++)
    expect(() => read(pack.subarray(0, length), 7)).toThrow("the pack ends in the middle of a blob");
  expect(read(pack.subarray(0, 0), 7)).toEqual([]);
});

test("a blob without bytes or with too many is refused before its content", () => {
  for (const bytes of [0, fileLimits.partBytes + 1, 2 ** 60])
    expect(() => read(Buffer.from(packHeader("ab".repeat(32), bytes)), 40)).toThrow(
      `it must have 1 to ${fileLimits.partBytes}`,
    );
});

function packOf(...blobs: Buffer[]): Buffer {
  return Buffer.concat(blobs.flatMap((blob) => [packHeader(sha256Of(blob), blob.length), blob]));
}

/** The contents of a pack that is read `cut` bytes at a time. */
function read(pack: Uint8Array, cut: number): Buffer[] {
  const reader = new PackReader();
  const blobs: Buffer[] = [];
  let content: Uint8Array[] = [];
  for (let at = 0; at < pack.length; at += cut) {
    for (const piece of reader.push(pack.subarray(at, at + cut))) {
      if (piece.kind === "content") content.push(piece.content.slice());
      if (piece.kind !== "end") continue;
      const blob = Buffer.concat(content);
      expect([piece.sha256, piece.bytes]).toEqual([sha256Of(blob), blob.length]);
      blobs.push(blob);
      content = [];
    }
  }
  reader.end();
  return blobs;
}
