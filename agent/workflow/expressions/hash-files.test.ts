import { afterAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { contextsOf, evaluateExpression, evaluateText, toData } from "./evaluate.ts";
import { hashFilesFunction } from "./hash-files.ts";

const workspace = mkdtempSync(join(tmpdir(), "hash-files-"));
afterAll(() => rmSync(workspace, { recursive: true }));
mkdirSync(join(workspace, "a/b"), { recursive: true });
writeFileSync(join(workspace, "a/b/package-lock.json"), "one");
writeFileSync(join(workspace, "go.sum"), "two");
writeFileSync(join(workspace, "it's"), "three");
symlinkSync(join(workspace, "a"), join(workspace, "link"));

const scope = {
  contexts: contextsOf({ github: toData({}) }),
  functions: new Map([["hashfiles", hashFilesFunction(workspace)]]),
};
const hash = (expression: string) => evaluateExpression(expression, scope).coerceString();

function sha256(...contents: string[]): string {
  const all = createHash("sha256");
  for (const content of contents) all.update(createHash("sha256").update(content).digest());
  return all.digest("hex");
}

const cases: [expression: string, expected: string][] = [
  ["hashFiles('go.sum')", sha256("two")],
  ["hashFiles('**/package-lock.json')", sha256("one")],
  ["hashFiles('a/b/**', 'go.sum')", sha256("one", "two")],
  ["hashFiles('**', '!**/*.json', '!it''s')", sha256("two")],
  ["hashFiles('it''s')", sha256("three")],
  ["hashFiles('go.sum\nit''s')", sha256("two", "three")],
  ["hashFiles('nothing/**')", ""],
  ["hashFiles('/etc/hostname')", ""],
  ["hashFiles('--follow-symbolic-links', 'link/**')", sha256("one")],
  ["hashFiles('link/**')", ""],
];

test.each(cases)("%s", (expression, expected) => {
  expect(hash(expression)).toBe(expected);
});

test("a hash is part of a longer text", () => {
  expect(hash("format('deps-{0}', hashFiles('go.sum'))")).toBe(`deps-${sha256("two")}`);
  expect(evaluateText(undefined, scope)).toBe("");
});
