import { expect, test } from "bun:test";
import { rangeOf } from "./byte-range.ts";

test("a range is cut to the file, and one from the end counts backwards", () => {
  expect(rangeOf("bytes=0-0", 10)).toEqual({ from: 0, to: 1 });
  expect(rangeOf("bytes=2-", 10)).toEqual({ from: 2, to: 10 });
  expect(rangeOf("bytes=2-99", 10)).toEqual({ from: 2, to: 10 });
  expect(rangeOf("bytes=-3", 10)).toEqual({ from: 7, to: 10 });
  expect(rangeOf("bytes=-99", 10)).toEqual({ from: 0, to: 10 });
});

test("what is not one range of bytes means the whole file", () => {
  for (const header of [undefined, "", "bytes=-", "bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "bytes=a-b"])
    expect(rangeOf(header, 10)).toBeUndefined();
});

test("a range behind the end is refused", () => {
  for (const header of ["bytes=10-", "bytes=10-12", "bytes=-0"])
    expect(() => rangeOf(header, 10)).toThrow("The file has 10 bytes");
  expect(() => rangeOf("bytes=0-", 0)).toThrow("The file has 0 bytes");
});
