import { expect, test } from "bun:test";
import { type TreeEntry, TreeError, TreeReader, treeLine } from "./tree.ts";

const directory = (path: string): TreeEntry => ({ type: "directory", path, mode: 0o755 });
const file = (path: string): TreeEntry => ({
  type: "file",
  path,
  mode: 0o644,
  size: 1,
  sha256: "a".repeat(64),
});
const link = (path: string, target: string): TreeEntry => ({ type: "link", path, target });

function read(...entries: TreeEntry[]): TreeEntry[] {
  const reader = new TreeReader();
  const found = reader.push(Buffer.from(entries.map(treeLine).join("")));
  reader.end();
  return found;
}

test("a directory is followed by its content, and a name that only begins like it comes later", () => {
  const tree = [
    directory("a"),
    directory("a/b"),
    file("a/b/c"),
    file("a/b c"),
    file("a b"),
    directory("a-b"),
    file("a-b/c"),
    file("z"),
  ];
  expect(read(...tree)).toEqual(tree);
});

test("an entry whose directory is missing, is not a directory or comes later is refused", () => {
  const wrong = [
    [file("a/b")],
    [file("a"), file("a/b")],
    [link("a", "b"), file("a/b")],
    [directory("a"), file("a/b/c")],
    [directory("a"), file("b"), file("a/c")],
    [directory("a"), directory("a/b"), file("a/c"), file("a/b/c")],
    [directory("a"), directory("a")],
  ];
  for (const tree of wrong) expect(() => read(...tree)).toThrow(TreeError);
});

test("a tree gives the same entries, whatever its chunks are", () => {
  const bytes = Buffer.from([directory("ä"), file("ä/ö"), link("ä/ü", "ö")].map(treeLine).join(""));
  for (let size = 1; size < bytes.length; size++) {
    const reader = new TreeReader();
    const found: TreeEntry[] = [];
    for (let i = 0; i < bytes.length; i += size) found.push(...reader.push(bytes.subarray(i, i + size)));
    reader.end();
    expect(found.map((entry) => entry.path)).toEqual(["ä", "ä/ö", "ä/ü"]);
  }
});

test("an endless line is refused before it fills the memory", () => {
  const reader = new TreeReader();
  const chunk = Buffer.alloc(4 * 1024 * 1024, " ");
  expect(() => {
    for (let i = 0; i < 16; i++) reader.push(chunk);
  }).toThrow("a line of the tree has more than");
});
