import { expect, test } from "bun:test";
import { leavesTree } from "./tree-links.ts";

/** Whether the link at the path leaves the tree that has these links. */
function leaves(path: string, links: Record<string, string>): boolean {
  return leavesTree(path, links[path] ?? "", new Map(Object.entries(links)));
}

test("a link stays inside as long as its target is inside, whether it exists or not", () => {
  expect(leaves("a", { a: "b" })).toBe(false);
  expect(leaves("d/a", { "d/a": "../b" })).toBe(false);
  expect(leaves("d/e/a", { "d/e/a": "../.././x/./y//z" })).toBe(false);
  expect(leaves("a", { a: "." })).toBe(false);
  expect(leaves("a", { a: "b/../c" })).toBe(false);
});

test("an absolute target, and one above the top, leave the tree", () => {
  expect(leaves("a", { a: "/etc/passwd" })).toBe(true);
  expect(leaves("a", { a: ".." })).toBe(true);
  expect(leaves("d/a", { "d/a": "../../x" })).toBe(true);
  expect(leaves("a", { a: "b/../../x" })).toBe(true);
  // On the way it was outside, even if it comes back.
  expect(leaves("a", { a: "../tree/x" })).toBe(true);
});

test("a link is followed through other links: a/.. is where the target of a is", () => {
  expect(leaves("x", { x: "a/../../y", a: "b/c/d" })).toBe(false);
  expect(leaves("x", { x: "a/../..", a: "b" })).toBe(true);
  expect(leaves("x", { x: "d/a/../../y", "d/a": ".." })).toBe(true);
  expect(leaves("x", { x: "a/b", a: "/etc" })).toBe(true);
  expect(leaves("x", { x: "a/passwd", a: "b", b: "../etc" })).toBe(true);
});

test("a circle leads nowhere, and ends", () => {
  expect(leaves("a", { a: "a" })).toBe(false);
  expect(leaves("a", { a: "b", b: "a" })).toBe(false);
  expect(leaves("a", { a: "a/a/a", b: "x" })).toBe(false);
});
