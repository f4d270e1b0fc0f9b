import { expect, test } from "bun:test";
import { comparePaths } from "./path.ts";
import {
  blobsOf,
  type FileEntry,
  isEntry,
  type TreeEntry,
  TreeError,
  TreeReader,
  treeEntry,
} from "./tree.ts";
import { treeLine } from "./tree-line.ts";

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

const readText = (text: string) => {
  const reader = new TreeReader();
  const found = reader.push(Buffer.from(text));
  reader.end();
  return found;
};

test("what cannot be an entry is refused, and the path and field are named", () => {
  const plain = { type: "file", path: "a", mode: 0o644, size: 1, sha256: "a".repeat(64) };
  const wrong: [object, string][] = [
    [{ ...plain, path: "../a" }, "../a: path the path contains “..”"],
    [{ ...plain, mode: 0o4755 }, "a: mode "],
    [{ ...plain, size: -1 }, "a: size "],
    [{ ...plain, size: 1.5 }, "a: size "],
    [{ ...plain, sha256: "A".repeat(64) }, "a: sha256 must be a SHA-256 digest"],
    [{ ...plain, sha256: undefined }, "a: sha256 "],
    [{ ...plain, mtimeMs: "now" }, "a: mtimeMs "],
    [{ ...plain, parts: [plain.sha256] }, "a: parts "],
    [{ ...plain, target: "b" }, "a: "],
    [{ ...plain, type: "device" }, "a: type "],
    [{ type: "directory", path: "a" }, "a: mode "],
    [{ type: "link", path: "a", target: "" }, "a: target "],
  ];
  for (const [entry, message] of wrong) {
    const refused = () => readText(`${JSON.stringify(entry)}\n`);
    expect(refused).toThrow(TreeError);
    expect(refused).toThrow(message);
  }
});

test("the quick check of an entry accepts what the schema accepts, and nothing else", () => {
  const digest = "0123456789abcdef".repeat(4);
  const values = [
    "a",
    "a/b",
    "",
    "..",
    "file",
    "link",
    digest,
    0,
    1,
    511,
    512,
    -1,
    0.5,
    null,
    [digest, digest],
    [digest],
    {},
  ];
  const names = [
    "type",
    "path",
    "mode",
    "mtimeMs",
    "size",
    "sha256",
    "parts",
    "target",
    "__proto__",
    "other",
  ];
  const seeds: object[] = [
    { type: "file", path: "a", mode: 0, mtimeMs: 5, size: 1, sha256: digest },
    { type: "file", path: "a", mode: 0, size: 5_000_000, sha256: digest, parts: [digest, digest] },
    { type: "directory", path: "a", mode: 1 },
    { type: "link", path: "a", target: "b" },
  ];
  for (let i = 0; i < 5_000; i++) {
    const fields = new Map(Object.entries(pick(seeds)));
    for (let changes = random(3); changes > 0; changes--) {
      if (random(3) === 0) fields.delete(pick(names));
      else fields.set(pick(names), pick(values));
    }
    const text = `{${[...fields].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`;
    const byDefinition = treeEntry.safeParse(JSON.parse(text));
    expect([text, isEntry(JSON.parse(text))]).toEqual([text, byDefinition.success]);
  }
});

test("a file has the parts that its size asks for", () => {
  const parts = (count: number) => Array.from({ length: count }, () => "b".repeat(64));
  const large = (size: number, count: number): TreeEntry => ({
    ...(file("a") as FileEntry),
    size,
    parts: parts(count),
  });
  const MIB = 1024 * 1024;
  expect(read(large(4 * MIB + 1, 2), { ...file("b") })).toHaveLength(2);
  expect(read(large(8 * MIB, 2))).toHaveLength(1);
  expect(() => read(large(4 * MIB, 2))).toThrow("a: a file of 4194304 bytes must have no parts");
  expect(() => read(large(8 * MIB + 1, 2))).toThrow("a: a file of 8388609 bytes must have 3 parts");
  expect(blobsOf(large(8 * MIB + 1, 3) as FileEntry).map(({ bytes }) => bytes)).toEqual([
    4 * MIB,
    4 * MIB,
    1,
  ]);
  expect(blobsOf({ ...(file("a") as FileEntry), size: 0 })).toEqual([]);
});

test("a link that leads out of the tree is refused once all links are known", () => {
  expect(read(directory("d"), link("d/a", "../b"))).toHaveLength(2);
  expect(() => read(link("a", "/etc"))).toThrow("a: the link to /etc leads out of the tree");
  expect(() => read(link("a", "b/.."), link("b", ".."))).toThrow("leads out of the tree");
});

test("a tree that is cut, is not JSON or not UTF-8 is refused", () => {
  expect(() => readText(treeLine(file("a")).slice(0, -1))).toThrow("the tree ends in the middle of a line");
  expect(() => readText("{\n")).toThrow("a line of the tree is not JSON");
  expect(() => readText("null\n")).toThrow(TreeError);
  expect(() => readText("\n")).toThrow("a line of the tree is not JSON");
  expect(() => new TreeReader().push(Buffer.from([0xff, 10]))).toThrow("the tree is not valid UTF-8");
  const cut = new TreeReader();
  cut.push(Buffer.from([0xc3]));
  expect(() => cut.end()).toThrow("the tree is not valid UTF-8");
});

test("random trees arrive as they were, and equal trees have equal bytes whatever the order of the fields", () => {
  for (let i = 0; i < 30; i++) {
    const tree = randomTree();
    expect(read(...tree)).toEqual(tree);
    const turned = tree.map((entry) => Object.fromEntries(Object.entries(entry).reverse()) as TreeEntry);
    expect(turned.map(treeLine)).toEqual(tree.map(treeLine));
  }
});

function randomTree(): TreeEntry[] {
  const entries = new Map<string, TreeEntry>();
  const directories = [""];
  for (let i = random(60); i > 0; i--) {
    const at = pick(directories);
    const name = Array.from({ length: 1 + random(3) }, () =>
      pick(["a", "b", ".", "-", "ü", " ", "😀", "\\"]),
    ).join("");
    const path = at === "" ? name : `${at}/${name}`;
    if (entries.has(path) || name === "." || name === "..") continue;
    const kind = random(3);
    if (kind === 0) directories.push(path);
    entries.set(path, kind === 0 ? directory(path) : kind === 1 ? file(path) : link(path, "a/../b"));
  }
  // A link may lead to a directory above, but a random one could also lead out.
  return [...entries.values()]
    .filter((entry) => entry.type !== "link" || entry.path.includes("/"))
    .sort((a, b) => comparePaths(a.path, b.path));
}

function random(below: number): number {
  return Math.floor(Math.random() * below);
}

function pick<T>(values: readonly T[]): T {
  return values[random(values.length)] as T;
}
