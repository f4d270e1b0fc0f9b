import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { pcreOfGlob, plainName, sqliteGlob } from "./glob.ts";

const names = [
  "train",
  "train-1",
  "train-12",
  "retrain",
  "a*b",
  "axb",
  "[x]",
  "(a|b)",
  "tr\nain",
  "größe-🚀",
  "back\\slash",
  "train-1\n",
];

const expected: [glob: string, matching: string[]][] = [
  ["train", ["train"]],
  ["train*", ["train", "train-1", "train-12", "train-1\n"]],
  ["train-?", ["train-1"]],
  ["*train", ["train", "retrain"]],
  ["*ai*1*", ["train-1", "train-12", "train-1\n"]],
  ["a\\*b", ["a*b"]],
  ["a*b", ["a*b", "axb"]],
  ["[x]", ["[x]"]],
  ["[*", ["[x]"]],
  ["(a|b)", ["(a|b)"]],
  ["(a*", ["(a|b)"]],
  ["tr?ain", ["tr\nain"]],
  ["größe-?", ["größe-🚀"]],
  ["back\\\\*", ["back\\slash"]],
  ["**", names],
];

test("a glob matches the same names in both stores", () => {
  using db = new Database(":memory:");
  const matches = db.prepare<{ found: number }, [string, string]>("SELECT ?1 GLOB ?2 AS found");
  for (const [glob, matching] of expected) {
    const bySqlite = names.filter((name) => matches.get(name, sqliteGlob(glob))?.found === 1);
    expect({ glob, bySqlite }).toEqual({ glob, bySqlite: matching });
    expect({ glob, byPcre: names.filter((name) => standIn(glob).test(name)) }).toEqual({
      glob,
      byPcre: matching,
    });
  }
});

test("a name without a wildcard is looked up literally", () => {
  expect(plainName("train-1")).toBe("train-1");
  expect(plainName("a\\*b")).toBe("a*b");
  expect(plainName("a\\")).toBe("a\\");
  expect(plainName("a*")).toBeUndefined();
});

test("a glob that was crafted to be slow is fast", () => {
  using db = new Database(":memory:");
  const [glob, name] = [`${"*a".repeat(100)}b`, "a".repeat(200)];
  const startedAtMs = performance.now();
  expect(db.prepare("SELECT ?1 GLOB ?2 AS found").get(name, sqliteGlob(glob))).toEqual({ found: 0 });
  expect(performance.now() - startedAtMs).toBeLessThan(500);
});

/** The PCRE expression as a JavaScript one, which lacks atomic groups and `\z`. */
function standIn(glob: string): RegExp {
  return new RegExp(pcreOfGlob(glob).replaceAll("(?>", "(?:").replace(/\\z$/, "$"), "u");
}
