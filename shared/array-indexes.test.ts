import { expect, test } from "bun:test";
import { readArrayIndexes } from "./array-indexes.ts";
import { jobManifest } from "./manifest.ts";

test("an array is a list of indexes and ranges, with an optional step and an optional number at once", () => {
  const cases: [string, number[], number | undefined][] = [
    ["1-5", [1, 2, 3, 4, 5], undefined],
    ["5", [5], undefined],
    ["0", [0], undefined],
    ["1,3,5", [1, 3, 5], undefined],
    ["0-15:4", [0, 4, 8, 12], undefined],
    ["1-10:2%3", [1, 3, 5, 7, 9], 3],
    ["1-3,7,9-11%2", [1, 2, 3, 7, 9, 10, 11], 2],
    [" 1, 3 , 5 % 2 ", [1, 3, 5], 2],
    ["9,1-2", [9, 1, 2], undefined],
    ["4-4:9", [4], undefined],
    ["007", [7], undefined],
    ["999999999", [999_999_999], undefined],
  ];
  for (const [text, indexes, atOnce] of cases) {
    expect([text, readArrayIndexes(text)]).toEqual([text, { indexes, atOnce }]);
  }
});

test("each mistake in an array gets one sentence that says what is wrong", () => {
  const cases: [string, string][] = [
    ["", "names no index"],
    ["%2", "names no index"],
    ["1,,3", "has a comma without an index before or after it"],
    ["1,", "has a comma without an index before or after it"],
    ["5-1", "5-1 counts down"],
    ["1-9:0", "has the step 0 in 1-9:0"],
    ["1-3,2", "names index 2 twice"],
    ["1-5001", "has 5001 indexes or more"],
    ["0-999999999", "has 1000000000 indexes or more"],
    ["1000000000", "the largest index is 999999999"],
    ["1-3%0", '1 to 99999, not "0"'],
    ["1-3%", '1 to 99999, not ""'],
    ["1-3%2%2", 'has more than one "%"'],
    ["-1", '"-1" is neither an index nor a range'],
    ["a-b", '"a-b" is neither an index nor a range'],
    ["1.5", '"1.5" is neither an index nor a range'],
    ["1-2-3", '"1-2-3" is neither an index nor a range'],
    ["3:2", '"3:2" is neither an index nor a range'],
  ];
  for (const [text, problem] of cases) {
    const { error } = jobManifest.safeParse({ command: "true", array: text });
    expect(error?.issues).toHaveLength(1);
    expect(error?.issues[0]?.message).toContain(problem);
  }
});

test("an index written as a number is an array of one job", () => {
  expect(jobManifest.parse({ command: "true", array: 5 }).array).toBe("5");
  expect(jobManifest.safeParse({ command: "true", array: 1.5 }).success).toBe(false);
});
