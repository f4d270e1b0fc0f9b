import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findWorkflows, pathInRepository, readRepository } from "./repository.ts";

const home = realpathSync(mkdtempSync(join(tmpdir(), "repository-test-")));
afterAll(() => rmSync(home, { recursive: true }));

function make(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), "on: push\n");
  }
}

function git(directory: string, ...args: string[]): void {
  mkdirSync(join(home, directory), { recursive: true });
  const { success, stderr } = Bun.spawnSync(["git", ...args], { cwd: join(home, directory) });
  if (!success) throw new Error(stderr.toString());
}

const find = async (path: string, directory?: string) => {
  const { top, files } = await findWorkflows(join(home, path), directory && join(home, directory));
  return { top: top.replace(home, ""), files: files.map((file) => file.replace(`${home}/`, "")) };
};

test("the repository is the directory whose .github/workflows has the file, also within another repository", async () => {
  git("outer", "init", "-q");
  make("outer/inner/.github/workflows/ci.yml", "outer/.github/workflows/top.yml");
  expect(await find("outer/inner/.github/workflows/ci.yml")).toEqual({
    top: "/outer/inner",
    files: ["outer/inner/.github/workflows/ci.yml"],
  });
  expect((await find("outer/.github/workflows/top.yml")).top).toBe("/outer");
});

test("for another file it is the git repository around it, or the directory above with .github, or its own", async () => {
  git("repo", "init", "-q");
  make("repo/jobs/a.yml", "plain/.github/x", "plain/jobs/b.yml", "alone/c.yml");
  expect((await find("repo/jobs/a.yml")).top).toBe("/repo");
  expect((await find("plain/jobs/b.yml")).top).toBe("/plain");
  expect((await find("alone/c.yml")).top).toBe("/alone");
  expect((await find("alone/c.yml", "plain")).top).toBe("/plain");
});

test("a directory stands for its workflow files, or for those in its .github/workflows", async () => {
  make("many/.github/workflows/b.yaml", "many/.github/workflows/a.yml", "many/.github/workflows/notes.md");
  const files = ["many/.github/workflows/a.yml", "many/.github/workflows/b.yaml"];
  expect(await find("many/.github/workflows")).toEqual({ top: "/many", files });
  expect(await find("many")).toEqual({ top: "/many", files });
  mkdirSync(join(home, "none"));
  await expect(find("none")).rejects.toThrow("there is no workflow in this directory");
  await expect(find("nothing.yml")).rejects.toThrow("there is no such file or directory");
});

test("a path that is not here is meant from the top of the repository", async () => {
  make("named/.github/workflows/ci.yml");
  const { files } = await findWorkflows(".github/workflows/ci.yml.not-here", home).catch(() => ({
    files: [],
  }));
  expect(files).toEqual([]);
  const found = await findWorkflows("named/.github/workflows/ci.yml", home);
  expect(found.files).toEqual([join(home, "named/.github/workflows/ci.yml")]);
});

test("a workflow outside the repository comes with its workflows", () => {
  expect(pathInRepository("/r", "/r/.github/workflows/ci.yml")).toBe(".github/workflows/ci.yml");
  expect(pathInRepository("/r", "/r/..x/ci.yml")).toBe("..x/ci.yml");
  expect(pathInRepository("/r", "/elsewhere/ci.yml")).toBe(".github/workflows/ci.yml");
});

test.each([
  ["https://github.com/o/r", { url: "https://github.com/o/r" }],
  ["https://github.com/o/r@v1", { url: "https://github.com/o/r", ref: "v1" }],
  ["https://me@host/o/r.git@feature/x", { url: "https://me@host/o/r.git", ref: "feature/x" }],
  ["git@github.com:o/r.git", { url: "git@github.com:o/r.git" }],
  ["git@github.com:o/r.git@main", { url: "git@github.com:o/r.git", ref: "main" }],
  ["file:///srv/r@0123abc", { url: "file:///srv/r", ref: "0123abc" }],
])("--repo %s", (text, read) => {
  expect(readRepository(text)).toEqual(read);
});

test("--repo that is neither says so", () => {
  expect(() => readRepository("nowhere/at/all")).toThrow("there is no such directory");
  expect(() => readRepository("https://github.com/o/r@")).toThrow("after @ is missing");
});

test("a workflow among the files of everybody comes alone; beside others of its own directory it brings them", async () => {
  const file = join(tmpdir(), `repository-test-${process.pid}.yml`);
  writeFileSync(file, "on: push\n");
  try {
    expect(await findWorkflows(file)).toMatchObject({ top: realpathSync(tmpdir()), isShared: true });
    expect(await findWorkflows(file, tmpdir())).toMatchObject({ isShared: false });
  } finally {
    rmSync(file);
  }
  expect((await findWorkflows(join(home, "alone/c.yml"))).isShared).toBe(false);
});
