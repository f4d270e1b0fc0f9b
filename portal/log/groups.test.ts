import { expect, test } from "bun:test";
import { Groups } from "./groups.ts";

/** Lines 0 to 9: a group of the lines 1 to 5, with a group of 3 and 4 in it, and an open group from 7 on. */
function groupsOf(): Groups {
  const groups = new Groups();
  groups.begin(1);
  groups.begin(3);
  groups.finish(5);
  groups.finish(6);
  groups.begin(7);
  return groups;
}

const lines = (groups: Groups, first = 0, end = 10) =>
  Array.from({ length: groups.rows(first, end) }, (_, row) => groups.lineOf(row, first));

test("without a folded group, rows are lines", () => {
  expect(lines(groupsOf())).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("the lines of folded groups have no rows", () => {
  const groups = groupsOf();
  const [outer, inner, open] = groups.all;
  if (!outer || !inner || !open) throw new Error("a group is missing");
  groups.fold(inner, true);
  expect(lines(groups)).toEqual([0, 1, 2, 3, 5, 6, 7, 8, 9]);
  groups.fold(open, true);
  expect(lines(groups)).toEqual([0, 1, 2, 3, 5, 6, 7]);
  groups.fold(outer, true);
  expect(lines(groups)).toEqual([0, 1, 6, 7]);
  expect(lines(groups, 3)).toEqual([6, 7]);
  expect(groups.rowOf(6, 0)).toBe(2);
  expect(groups.reveal(4)).toBe(true);
  expect(lines(groups)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  groups.foldAll(true);
  expect(lines(groups)).toEqual([0, 1, 6, 7]);
});

test("a line knows how deep it is", () => {
  const groups = groupsOf();
  expect(Array.from({ length: 10 }, (_, line) => groups.depthOf(line))).toEqual([
    0, 0, 1, 1, 2, 1, 0, 0, 1, 1,
  ]);
});
