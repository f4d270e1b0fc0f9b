import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makePrivateDirectory, OpenDirectoryError, openPrivateDirectory } from "./private-directory.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tanvrit-private-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const modeOf = (path: string) => statSync(path).mode & 0o777;

test("a new directory is for this account alone", () => {
  const path = join(root, "a", "b");
  expect(openPrivateDirectory(path, [])).toEqual({ wasOpen: false });
  expect(modeOf(path)).toBe(0o700);
});

test("an open directory is closed if it is empty or was ours before", () => {
  for (const name of ["empty", "ours"]) mkdirSync(join(root, name));
  for (const name of ["empty", "ours"]) chmodSync(join(root, name), 0o755);
  writeFileSync(join(root, "ours", "compute.db"), "");
  for (const name of ["empty", "ours"]) {
    expect(openPrivateDirectory(join(root, name), ["compute.db"])).toEqual({ wasOpen: true });
    expect(modeOf(join(root, name))).toBe(0o700);
  }
});

test("an open directory with other files, or shared by all accounts, is refused and left unchanged", () => {
  const path = join(root, "home");
  mkdirSync(path);
  writeFileSync(join(path, "letter.txt"), "");
  chmodSync(path, 0o755);
  expect(() => openPrivateDirectory(path, ["compute.db"])).toThrow(OpenDirectoryError);
  expect(modeOf(path)).toBe(0o755);
  const shared = join(root, "tmp");
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  expect(() => openPrivateDirectory(shared, [])).toThrow("Other accounts may enter");
  expect(modeOf(shared)).toBe(0o777);
});

test("a directory that others may write to is refused with what to do about it, and never closed behind their back", () => {
  const path = join(root, "place");
  mkdirSync(path);
  chmodSync(path, 0o777);
  expect(() => makePrivateDirectory(path)).toThrow(
    /does not belong to this account alone\. Remove it, or choose another/,
  );
  expect(() => makePrivateDirectory(path, "Set X.")).toThrow(/alone\. Set X\.$/);
  expect(modeOf(path)).toBe(0o777);
  chmodSync(path, 0o755);
  makePrivateDirectory(path);
  expect(modeOf(path)).toBe(0o700);
});
