import { expect, test } from "bun:test";
import { pagesAndSources, type SourceFile } from "./source.ts";

/** What must not be left in a line, and why. */
const forbidden: { pattern: RegExp; why: string }[] = [
  { pattern: /\b(TODO|FIXME|XXX|HACK)\b/, why: "finish it, or write it down as an issue" },
  { pattern: /(^|[\s"'`(=])\/(root|work|Users\/\w+|home\/\w+)\//, why: "a path of one machine" },
  { pattern: /\bregistry\.[a-z]+\.(org|com|dev|io)\b/, why: "which registry is used is the reader's choice" },
  { pattern: /@ts-(ignore|nocheck)\b/, why: "fix the type; @ts-expect-error where a test needs a wrong one" },
  { pattern: /biome-ignore-all/, why: "a rule is passed over for one line at a time, with a reason" },
];

test("no page or source holds what belongs elsewhere", () => {
  const files = pagesAndSources().filter((file) => file.path !== "tests/style/words.test.ts");
  expect(files.flatMap(wordViolations)).toEqual([]);
});

test("each of them is found, with its line", () => {
  const bad = [
    "// TODO later",
    'const file = "/home/anna/x";',
    "see https://registry.example.org/bun",
    "// @ts-ignore",
    "/* biome-ignore-all lint: x */",
  ];
  for (const line of bad) {
    expect(wordViolations({ path: "cmd/x.ts", text: `\n${line}\n` })).toEqual([
      expect.stringContaining("cmd/x.ts:2: "),
    ]);
  }
});

function wordViolations(file: SourceFile): string[] {
  return file.text
    .split("\n")
    .flatMap((line, index) =>
      forbidden
        .filter(({ pattern }) => pattern.test(line))
        .map(({ pattern, why }) => `${file.path}:${index + 1}: "${pattern.exec(line)?.[0].trim()}": ${why}`),
    );
}
