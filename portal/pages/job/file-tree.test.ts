import { expect, test } from "bun:test";
import type { TreeEntry } from "../../../sdk/index.ts";
import { previewOf, rowsOf } from "./file-tree.ts";

const file = (path: string, size: number): TreeEntry => ({
  type: "file",
  path,
  size,
  mode: 0o644,
  sha256: "",
});
const directory = (path: string): TreeEntry => ({ type: "directory", path, mode: 0o755 });
const TREE = [
  directory("a"),
  directory("a/b"),
  file("a/b/deep.txt", 3),
  file("a/top.txt", 4),
  file("ab.txt", 5),
];

test("a directory counts every file below it, and what is in a closed one is hidden but counted", () => {
  const rows = rowsOf(TREE, new Set(["a/b"]));
  expect(rows.map(({ name, depth, files, bytes }) => [name, depth, files, bytes])).toEqual([
    ["a", 0, 2, 7],
    ["b", 1, 1, 3],
    ["top.txt", 1, 0, 0],
    ["ab.txt", 0, 0, 0],
  ]);
  expect(rowsOf(TREE, new Set(["a"]))).toHaveLength(2);
});

test("small texts and images can be looked at; pages only as text, and nothing by a name that only looks like one", () => {
  expect(previewOf({ name: "plot.SVG", bytes: 10 })).toBe("image");
  expect(previewOf({ name: "page.html", bytes: 10 })).toBe("text");
  expect(previewOf({ name: "Makefile", bytes: 10 })).toBe("text");
  expect(previewOf({ name: "model.bin", bytes: 10 })).toBeUndefined();
  expect(previewOf({ name: "huge.log", bytes: 1024 ** 3 })).toBeUndefined();
  expect(previewOf({ name: "x.constructor", bytes: 1 })).toBeUndefined();
});
