import { expect, test } from "bun:test";
import { linkParts } from "./links.ts";

const links = (text: string) => linkParts(text).flatMap(({ href }) => href ?? []);

test("URLs are found without the punctuation around them", () => {
  expect(links("see https://example.org/a, and (http://b.example/c_(d)).")).toEqual([
    "https://example.org/a",
    "http://b.example/c_(d)",
  ]);
  expect(links('<a href="https://example.org/x?y=1&z=2#f">')).toEqual(["https://example.org/x?y=1&z=2#f"]);
  expect(links("no ftp://example.org, no javascript:alert(1), no https:// at all")).toEqual([]);
  expect(linkParts("a https://b.example c").map(({ text }) => text)).toEqual([
    "a ",
    "https://b.example",
    " c",
  ]);
});
