import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { root, sourceFiles } from "./source.ts";

const topLevel = new Set([
  ...["cmd", "server", "agent", "sdk", "shared", "tests", "docs", "bench"],
  ...["package.json", "bun.lock", "bunfig.toml", "tsconfig.json", "biome.json", "knip.json"],
  ...["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "LICENSE"],
  ...[".ci", ".gitignore", ".editorconfig"],
]);
/** What git itself, an installation or a build leaves beside them. */
const notOurs = /^(\.git|node_modules|dist|coverage|\.DS_Store|.*\.log)$/;

test("a reader finds the room for any line in one guess: nothing new stands at the top", () => {
  expect(strangersAtTheTop(readdirSync(root))).toEqual([]);
});

test("a folder that nobody agreed on is found", () => {
  expect(strangersAtTheTop(["cmd", "lib", "node_modules", "notes.txt"])).toEqual(["lib", "notes.txt"]);
});

test("no folder or file is called after nothing in particular", () => {
  expect(sourceFiles().flatMap((file) => vagueNames(file.path))).toEqual([]);
  expect(vagueNames("server/utils/time.ts")).toHaveLength(1);
  expect(vagueNames("agent/helpers.ts")).toHaveLength(1);
});

function strangersAtTheTop(names: readonly string[]): string[] {
  return names.filter((name) => !topLevel.has(name) && !notOurs.test(name));
}

function vagueNames(path: string): string[] {
  const vague = /(^|\/)(utils?|helpers?|misc|common|lib)(\/|\.ts$)/.test(path);
  return vague ? [`${path}: name it after what it does`] : [];
}
