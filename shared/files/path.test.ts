import { expect, test } from "bun:test";
import { comparePaths, pathProblem } from "./path.ts";
import { filePath, placePath } from "./path-schema.ts";

test("ordinary paths are accepted, whatever script they are written in", () => {
  const good = [
    "a",
    ".git",
    "...",
    "a/b/c.txt",
    "with space/ü 日本 😀",
    "-rf",
    "~",
    "a\\b",
    "C:",
    "a/..b/c..",
    "x\u00a0y",
  ];
  for (const path of good) expect([path, pathProblem(path)]).toEqual([path, undefined]);
});

test("a path that could lead elsewhere or disturb a terminal is refused with the reason", () => {
  const bad: Record<string, string> = {
    "": "a path must not be empty",
    "/etc/passwd": "the path is absolute",
    "..": "the path contains “..”",
    "a/../b": "the path contains “..”",
    "a/..": "the path contains “..”",
    ".": "the path contains an empty name or “.”",
    "./a": "the path contains an empty name or “.”",
    "a//b": "the path contains an empty name or “.”",
    "a/": "the path contains an empty name or “.”",
    "a\nb": "the path contains a newline or another control character",
    "a\0b": "the path contains a newline or another control character",
    "a\x1b[31m": "the path contains a newline or another control character",
    "a\x7f": "the path contains a newline or another control character",
    "a\ud800": "the path is not valid Unicode",
  };
  for (const [path, problem] of Object.entries(bad))
    expect([path, pathProblem(path)]).toEqual([path, problem]);
});

test("lengths are counted in bytes", () => {
  expect(pathProblem("x".repeat(255))).toBeUndefined();
  expect(pathProblem("x".repeat(256))).toBe("a name in the path is longer than 255 bytes");
  expect(pathProblem(`d/${"ü".repeat(128)}`)).toBe("a name in the path is longer than 255 bytes");
  expect(pathProblem(`${"d/".repeat(2_047)}ab`)).toBeUndefined();
  expect(pathProblem(`${"d/".repeat(2_047)}abc`)).toBe("the path is longer than 4096 bytes");
});

test("the schema gives the reason", () => {
  expect(filePath().safeParse("../x").error?.issues[0]?.message).toBe("the path contains “..”");
});

test("a place is written as people write it, and . is the directory itself", () => {
  const places: Record<string, string> = { "./src/": "src", ".": ".", "./": ".", "././a/b//": "a/b", a: "a" };
  for (const [text, place] of Object.entries(places)) expect(placePath().parse(text)).toBe(place);
  for (const text of ["/", "../a", "a/../..", "a/./b"])
    expect(placePath().safeParse(text).success).toBe(false);
});

test("the order puts a directory right before everything in it", () => {
  const ordered = [
    "a",
    "a/b",
    "a/b/c",
    "a/b-",
    "a/b.",
    "a/c",
    "a ",
    "a!",
    "a-",
    "a-b/x",
    "a.txt",
    "a0",
    "aé",
    "b",
  ];
  for (let i = 0; i < 50; i++) {
    const mixed = ordered.toSorted(() => Math.random() - 0.5);
    expect(mixed.sort(comparePaths)).toEqual(ordered);
  }
  expect(comparePaths("a/b", "a/b")).toBe(0);
});
