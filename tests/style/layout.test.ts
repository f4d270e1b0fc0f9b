import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { root, sourceFiles } from "./source.ts";

const topLevel = new Set([
  ...["cmd", "server", "agent", "sdk", "shared", "portal", "tests", "docs", "bench"],
  ...["package.json", "bun.lock", "bunfig.toml", "tsconfig.json", "biome.json", "knip.json"],
  ...["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "LICENSE"],
  ...[".ci", ".gitignore", ".editorconfig"],
]);
/** Files that git, an installation or a build puts next to ours. */
const notOurs = /^(\.git|node_modules|dist|coverage|\.DS_Store|.*\.log)$/;

test("nothing new is at the top level, so a reader finds the room for any line in one guess", () => {
  expect(unknownAtTopLevel(readdirSync(root))).toEqual([]);
});

test("an unknown folder is found", () => {
  expect(unknownAtTopLevel(["cmd", "lib", "node_modules", "notes.txt"])).toEqual(["lib", "notes.txt"]);
});

test("no folder or file has a name that says nothing", () => {
  expect(sourceFiles().flatMap((file) => vagueNames(file.path))).toEqual([]);
  expect(vagueNames("server/utils/time.ts")).toHaveLength(1);
  expect(vagueNames("agent/helpers.ts")).toHaveLength(1);
});

function unknownAtTopLevel(names: readonly string[]): string[] {
  return names.filter((name) => !topLevel.has(name) && !notOurs.test(name));
}

function vagueNames(path: string): string[] {
  const vague = /(^|\/)(utils?|helpers?|misc|common|lib)(\/|\.ts$)/.test(path);
  return vague ? [`${path}: name it after what it does`] : [];
}
