import { expect, test } from "bun:test";
import type { Value } from "../expressions/scope.ts";
import { expandMatrix, isWanted, labelOf, shortName } from "./matrix.ts";

const labels = (matrix: Value) => expandMatrix(matrix).map(labelOf);

test("the first vector changes slowest", () => {
  expect(labels({ os: ["a", "b"], v: [1, 2] })).toEqual(["a, 1", "a, 2", "b, 1", "b, 2"]);
});

test("exclude removes combinations that have all its values, and includes come afterwards", () => {
  expect(labels({ os: ["a", "b"], v: [1, 2], exclude: [{ os: "a", v: 2 }] })).toEqual([
    "a, 1",
    "b, 1",
    "b, 2",
  ]);
  expect(labels({ os: ["a", "b"], v: [1, 2], exclude: [{ os: "a" }] })).toEqual(["b, 1", "b, 2"]);
  expect(labels({ os: ["a"], exclude: [{ os: "a" }], include: [{ os: "a", x: 1 }] })).toEqual(["a, 1"]);
});

test("an include extends the combinations whose own values it keeps, and is one itself if there is none", () => {
  const matrix: Value = {
    fruit: ["apple", "pear"],
    animal: ["cat", "dog"],
    include: [
      { color: "green" },
      { color: "pink", animal: "cat" },
      { fruit: "apple", shape: "circle" },
      { fruit: "banana" },
      { fruit: "banana", animal: "cat" },
    ],
  };
  expect(expandMatrix(matrix)).toEqual([
    { fruit: "apple", animal: "cat", color: "pink", shape: "circle" },
    { fruit: "apple", animal: "dog", color: "green", shape: "circle" },
    { fruit: "pear", animal: "cat", color: "pink" },
    { fruit: "pear", animal: "dog", color: "green" },
    { fruit: "banana" },
    { fruit: "banana", animal: "cat" },
  ]);
});

test("a matrix of includes alone has one combination for each", () => {
  expect(labels({ include: [{ a: 1, b: "x" }, { a: 2 }] })).toEqual(["1, x", "2"]);
});

test("values that are objects and lists count as a whole, and appear by their parts", () => {
  const a = { node: 20, tags: ["x", "y"] };
  const matrix: Value = { v: [a, { node: 22, tags: [] }], exclude: [{ v: { node: 22, tags: [] } }] };
  expect(expandMatrix(matrix)).toEqual([{ v: a }]);
  expect(labels(matrix)).toEqual(["20, x, y"]);
});

test("what is wrong with a matrix is said in GitHub's words", () => {
  const problem = (matrix: Value) => {
    try {
      return expandMatrix(matrix).length;
    } catch (error) {
      return String(error);
    }
  };
  expect(problem({ v: [] })).toContain("Matrix vector 'v' does not contain any values");
  expect(problem({})).toContain("Matrix must define at least one vector");
  expect(problem("")).toContain("A mapping was expected");
  expect(problem({ v: "a" })).toContain("Matrix vector 'v' is not a sequence");
  expect(problem({ v: [1], exclude: [{ w: 1 }] })).toContain("exclude key 'w' does not match any key");
  expect(problem({ v: [1], exclude: [{ v: 1 }] })).toContain("does not contain any configuration");
  const many = Array.from({ length: 17 }, (_, at) => at);
  expect(problem({ a: many, b: many })).toContain("exceeds the limit of 256");
  expect(problem({ a: many.slice(1), b: many.slice(1) })).toBe(256);
});

test("--matrix keeps the combinations with one of the values, and those that have no such name", () => {
  const all = expandMatrix({ os: ["a", "b"], v: [1, 2], include: [{ x: "y" }, { os: "c" }] });
  expect(all.filter((one) => isWanted(one, { os: ["a"], v: ["2"] })).map(labelOf)).toEqual(["a, 2, y"]);
  expect(isWanted({ on: true }, { on: ["true"] })).toBe(true);
});

test("a name has at most 100 characters", () => {
  expect(shortName("x".repeat(100))).toHaveLength(100);
  expect(shortName("x".repeat(101))).toBe(`${"x".repeat(97)}...`);
});
