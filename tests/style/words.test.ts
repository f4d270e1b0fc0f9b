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

/** English that reads like a translation, and what to write instead. */
const stilted: { pattern: RegExp; why: string }[] = [
  { pattern: /\bwhoever\b/i, why: "write 'anyone who', or name who it is" },
  {
    pattern: /\b(is|are|was|were) told\b(?! (to|how|that)\b)/i,
    why: "say who reports, logs or answers what",
  },
  { pattern: /(?<!\bthere )\b(is|are) none\b(?! of\b)/i, why: "write 'is not a …' or 'has no …'" },
  { pattern: /\bnone of (its|their) business\b/i, why: "say what is not affected" },
  { pattern: /\banew\b/i, why: "write 'again'" },
  { pattern: /\b(its|their) like\b/i, why: "name the things" },
];

const files = pagesAndSources().filter((file) => file.path !== "tests/style/words.test.ts");

test("no page or source contains a forbidden word", () => {
  expect(files.flatMap((file) => violations(file, forbidden))).toEqual([]);
});

test("pages, messages and comments are in plain English", () => {
  expect(files.flatMap((file) => violations(file, stilted))).toEqual([]);
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
    expect(violations({ path: "cmd/x.ts", text: `\n${line}\n` }, forbidden)).toEqual([
      expect.stringContaining("cmd/x.ts:2: "),
    ]);
  }
});

test("stilted English is found, and its plain neighbours are not", () => {
  const bad = [
    "// Whoever is not let in has no body read.",
    "// What is left is told, and swept.",
    "// The URL is none that the driver takes.",
    "// The rest is none of its business.",
    "// A key that is lost is made anew.",
    "// Containers and their like.",
  ];
  for (const text of bad) expect(violations({ path: "cmd/x.ts", text }, stilted)).toHaveLength(1);
  const plain = ["// undefined: there is none", "// The agent is told to stop.", "// None of the jobs ran."];
  for (const text of plain) expect(violations({ path: "cmd/x.ts", text }, stilted)).toEqual([]);
});

function violations(file: SourceFile, rules: typeof forbidden): string[] {
  return file.text
    .split("\n")
    .flatMap((line, index) =>
      rules
        .filter(({ pattern }) => pattern.test(line))
        .map(({ pattern, why }) => `${file.path}:${index + 1}: "${pattern.exec(line)?.[0].trim()}": ${why}`),
    );
}
