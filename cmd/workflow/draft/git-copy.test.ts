import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { copyGit } from "./git-copy.ts";
import { findWorkingCopy } from "./working-copy.ts";

const home = realpathSync(mkdtempSync(join(tmpdir(), "git-copy-test-")));
afterAll(() => rmSync(home, { recursive: true }));
let copies = 0;

const ID = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"];

function git(directory: string, ...args: string[]): string {
  const { success, stdout, stderr } = Bun.spawnSync(["git", ...ID, ...args], { cwd: directory });
  if (!success) throw new Error(`git ${args.join(" ")}: ${stderr}`);
  return stdout.toString().trim();
}

function write(directory: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
}

/** A repository with two commits on main, a branch and a tag. */
function repository(name: string): string {
  const top = join(home, name);
  write(top, { "a.txt": "1" });
  git(top, "init", "-q");
  git(top, "add", ".");
  git(top, "commit", "-qm", "one");
  git(top, "tag", "v1");
  git(top, "branch", "side");
  write(top, { "a.txt": "2" });
  git(top, "commit", "-qam", "two");
  git(top, "remote", "add", "origin", "https://ada:secret@example.com/o/r.git");
  return top;
}

/** The working tree of the copy's git. */
async function copyOf(top: string, whole = false): Promise<string> {
  const into = join(home, `copy-${copies++}`);
  const { entries } = await find(top);
  await copyGit(top, into, { whole, files: entries.filter(({ type }) => type === "file") });
  return into;
}

const find = (top: string, extra = new Map<string, string>(), problems: string[] = []) =>
  findWorkingCopy(top, extra, { "no-ignore": false, onProblem: (problem) => problems.push(problem) });

test("the copy has the commit that is checked out and its branch, like a checkout of depth 1", async () => {
  const top = repository("shallow");
  const copy = await copyOf(top);
  expect(git(copy, "rev-parse", "HEAD")).toBe(git(top, "rev-parse", "HEAD"));
  expect(git(copy, "symbolic-ref", "HEAD")).toBe("refs/heads/main");
  expect(git(copy, "rev-list", "--count", "HEAD")).toBe("1");
  expect(git(copy, "for-each-ref", "--format=%(refname)")).toBe("refs/heads/main\nrefs/remotes/origin/main");
  write(copy, { "a.txt": "2" });
  expect(git(copy, "status", "--porcelain")).toBe("");
});

test("what opens the remote stays here", async () => {
  const copy = await copyOf(repository("credentials"));
  expect(git(copy, "remote", "get-url", "origin")).toBe("https://example.com/o/r.git");
});

test("with its whole history the copy has all branches and tags", async () => {
  const copy = await copyOf(repository("whole"), true);
  expect(git(copy, "rev-list", "--count", "HEAD")).toBe("2");
  expect(git(copy, "for-each-ref", "--format=%(refname)").split("\n")).toEqual([
    "refs/heads/main",
    "refs/remotes/origin/main",
    "refs/remotes/origin/side",
    "refs/tags/v1",
  ]);
});

test("a commit without a branch is checked out as it is", async () => {
  const top = repository("detached");
  git(top, "checkout", "-q", "v1");
  const copy = await copyOf(top);
  expect(git(copy, "rev-parse", "HEAD")).toBe(git(top, "rev-parse", "v1"));
  expect(() => git(copy, "symbolic-ref", "-q", "HEAD")).toThrow();
});

test("files without a commit get one, and the same files get the same", async () => {
  const top = join(home, "plain");
  write(top, { "src/a b.txt": "1", "*.txt": "star" });
  const [one, two] = [await copyOf(top), await copyOf(top)];
  expect(git(one, "ls-tree", "-r", "--name-only", "HEAD").split("\n")).toEqual(["*.txt", "src/a b.txt"]);
  expect(git(one, "rev-parse", "HEAD")).toBe(git(two, "rev-parse", "HEAD"));
  expect(git(one, "symbolic-ref", "HEAD")).toBe("refs/heads/main");
});

test("a run gets files that git tracks although a rule ignores them, and workflows that come from elsewhere", async () => {
  const top = repository("ignored");
  write(top, { ".gitignore": "dist/\nlog\n", "dist/index.js": "built", log: "x" });
  git(top, "add", "-f", "dist/index.js", ".gitignore");
  git(top, "commit", "-qm", "built");
  write(home, { "elsewhere.yml": "on: push" });
  const extra = new Map([[".github/workflows/elsewhere.yml", join(home, "elsewhere.yml")]]);
  const { entries, files } = await find(top, extra);
  expect(entries.map(({ path }) => path)).toEqual([
    ".github",
    ".github/workflows",
    ".github/workflows/elsewhere.yml",
    ".gitignore",
    "a.txt",
    "dist",
    "dist/index.js",
  ]);
  expect(files).toBe(4);
});
