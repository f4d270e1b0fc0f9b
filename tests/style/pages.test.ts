import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import { filesBelow, pagesAndSources, root, type SourceFile } from "./source.ts";

const INDEX = "docs/decisions/README.md";

test("every decision has its line in the index", () => {
  const pages = filesBelow("docs/decisions", ".md");
  const index = pages.find((page) => page.path === INDEX)?.text ?? "";
  const decisions = pages.map((page) => page.path).filter((path) => path !== INDEX);
  expect(decisions.length).toBeGreaterThan(0);
  expect(missingFrom(index, decisions)).toEqual([]);
});

test("a decision without a line is found", () => {
  expect(
    missingFrom("- [0001](0001-a.md)", ["docs/decisions/0001-a.md", "docs/decisions/0002-b.md"]),
  ).toEqual(["docs/decisions/0002-b.md"]);
});

test("every link between pages leads somewhere", () => {
  const pages = pagesAndSources().filter((file) => file.path.endsWith(".md"));
  expect(pages.flatMap(brokenLinks)).toEqual([]);
});

test("a broken link is found", () => {
  const page = {
    path: "docs/x.md",
    text: "[a](nowhere.md) [b](https://example.org/x) [c](#part) [d](../package.json#x)",
  };
  expect(brokenLinks(page)).toEqual(["docs/x.md links to nowhere.md"]);
});

function missingFrom(index: string, paths: string[]): string[] {
  return paths.filter((path) => !index.includes(`(${posix.basename(path)})`));
}

function brokenLinks(page: SourceFile): string[] {
  return [...page.text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? "")
    .filter((link) => !/^([a-z]+:|#)/.test(link))
    .filter((link) => !existsSync(join(root, posix.dirname(page.path), link.split("#")[0] ?? "")))
    .map((link) => `${page.path} links to ${link}`);
}
