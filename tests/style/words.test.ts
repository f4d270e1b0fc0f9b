import { expect, test } from "bun:test";
import { pagesAndSources, type SourceFile } from "./source.ts";

/** Patterns that must not be in any line, and why. */
const forbidden: { pattern: RegExp; why: string }[] = [
  { pattern: /\b(TODO|FIXME|XXX|HACK)\b/, why: "finish it, or file an issue" },
  { pattern: /(^|[\s"'`(=])\/(root|work|Users\/\w+|home\/\w+)\//, why: "a path of one machine" },
  { pattern: /\bregistry\.[a-z]+\.(org|com|dev|io)\b/, why: "the reader chooses the registry" },
  {
    pattern: /@ts-(ignore|nocheck)\b/,
    why: "fix the type; use @ts-expect-error if a test needs a wrong type",
  },
  { pattern: /biome-ignore-all/, why: "suppress a rule for one line at a time, and say why" },
];

test("no page or source contains a forbidden word", () => {
  const files = pagesAndSources().filter((file) => file.path !== "tests/style/words.test.ts");
  expect(files.flatMap(wordViolations)).toEqual([]);
});

test("each forbidden word is found, with its line", () => {
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
