import { afterAll, expect, spyOn, test } from "bun:test";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { searchFiles } from "./search-files.ts";

const root = realpathSync(mkdtempSync(join(tmpdir(), "search-")));
afterAll(() => rmSync(root, { recursive: true, force: true }));
for (const path of ["a.ts", "a.test.ts", "deep/b.ts", "deep/.hidden"]) await Bun.write(join(root, path), "");

async function found(patterns: string, options = {}): Promise<string[]> {
  const { paths } = await searchFiles(patterns, root, { matchDirectories: false, ...options });
  return paths.map((path) => path.slice(root.length + 1)).sort();
}

test("patterns are relative to the given directory, and a later ! takes files out again", async () => {
  expect(await found("**/*.ts\n!**/*.test.ts")).toEqual(["a.ts", "deep/b.ts"]);
  expect(await found("deep")).toEqual(["deep/.hidden", "deep/b.ts"]);
  expect(await found("deep", { excludeHiddenFiles: true })).toEqual(["deep/b.ts"]);
  expect(await found(`# a comment\n\n${root}/a.ts`)).toEqual(["a.ts"]);
  expect(await found("nothing/**")).toEqual([]);
});

test("the library's own words do not reach stdout, and what others write does", async () => {
  const written: unknown[] = [];
  const stdout = spyOn(process.stdout, "write").mockImplementation((chunk) => written.push(chunk) > 0);
  try {
    const search = found("**");
    process.stdout.write("a line of a step\n");
    await search;
  } finally {
    stdout.mockRestore();
  }
  expect(written).toEqual(["a line of a step\n"]);
});
