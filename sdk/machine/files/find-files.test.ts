import { expect, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { comparePaths } from "../../../shared/files/path.ts";
import { makeScratch } from "../../../tests/support/scratch.ts";
import { FileError } from "../../files/file-error.ts";
import { type FindOptions, findFiles } from "./find-files.ts";

const NOBODY = 65_534;

/** Makes files by path; a path that ends in / is an empty directory, a value that begins with -> a link. */
function make(at: string, files: Record<string, string>): void {
  for (const [path, content] of Object.entries(files)) {
    const full = join(at, path);
    mkdirSync(path.endsWith("/") ? full : dirname(full), { recursive: true });
    if (content.startsWith("->")) symlinkSync(content.slice(2), full);
    else if (!path.endsWith("/")) writeFileSync(full, content);
  }
}

async function paths(at: string, options?: FindOptions): Promise<string[]> {
  const { entries } = await findFiles(at, options);
  return entries.map(({ type, path }) => (type === "directory" ? `${path}/` : path));
}

async function refusal(at: string): Promise<string> {
  return findFiles(at).then(
    () => "accepted",
    (error) => (error instanceof FileError ? error.message : `not a FileError: ${error}`),
  );
}

test("everything is found in the order of a tree, links as links and empty directories too", async () => {
  await using scratch = await makeScratch();
  make(scratch.path, {
    "b/x": "",
    "b/y/": "",
    "b-": "1",
    "b.c": "22",
    "a -> b": "->b",
    ".hidden": "",
    "é/ü": "",
  });
  const found = await findFiles(scratch.path);
  expect(found.entries.map(({ path }) => path)).toEqual(
    ["a -> b", ".hidden", "b", "b/x", "b/y", "b-", "b.c", "é", "é/ü"].sort(comparePaths),
  );
  expect(found).toMatchObject({ type: "directory", files: 5, bytes: 3, ignored: 0 });
  expect(found.entries.find(({ type }) => type === "link")).toEqual({
    type: "link",
    path: "a -> b",
    target: "b",
  });
});

test("a file is a tree of one file; the source may be reached through a link", async () => {
  await using scratch = await makeScratch();
  make(scratch.path, { "d/data.csv": "12345", link: "->d/data.csv", "to-d": "->d" });
  const file = await findFiles(scratch.join("d/data.csv"));
  expect(file).toMatchObject({ type: "file", name: "data.csv", files: 1, bytes: 5 });
  expect(file.entries).toHaveLength(1);
  expect(await findFiles(scratch.join("link"))).toMatchObject({ type: "file", name: "link", bytes: 5 });
  expect(await paths(scratch.join("to-d"))).toEqual(["data.csv"]);
});

test("a source that is not there is named as it was written", async () => {
  expect(await refusal("no/such/place")).toBe("no/such/place: there is no such file or directory");
});

test(".gitignore counts in every directory, the deeper one last, and ! takes back", async () => {
  await using scratch = await makeScratch();
  make(scratch.path, {
    ".gitignore": "*.log\nbuild/\n/only-top\n# comment\n\\#odd\n",
    "a.log": "",
    "b/c.log": "",
    "build/x": "",
    "b/build/y": "",
    "b/build.txt": "",
    "only-top": "",
    "b/only-top": "",
    "#odd": "",
    "d/.gitignore": "!keep.log\n/e/*\n!/e/.keep\n",
    "d/keep.log": "",
    "d/other.log": "",
    "d/e/x": "",
    "d/e/.keep": "",
    "f/keep.log": "",
    "build-file/build": "",
  });
  expect(await paths(scratch.path)).toEqual([
    ".gitignore",
    "b/",
    "b/build.txt",
    "b/only-top",
    "build-file/",
    "build-file/build",
    "d/",
    "d/.gitignore",
    "d/e/",
    "d/e/.keep",
    "d/keep.log",
    "f/",
  ]);
  expect((await findFiles(scratch.path)).ignored).toBe(9);
  expect((await findFiles(scratch.path, { noIgnore: true })).files).toBe(16);
});

test(".tanvritignore has the last word, also about what is in a directory that .gitignore leaves out", async () => {
  await using scratch = await makeScratch();
  make(scratch.path, {
    ".gitignore": "dist\n*.bin\n",
    ".tanvritignore": "!dist\n!/model.bin\nnotes\n",
    "dist/a": "",
    "dist/b.bin": "",
    "model.bin": "",
    "x/model.bin": "",
    notes: "",
    "x/.tanvritignore": "!*.bin",
  });
  expect(await paths(scratch.path)).toEqual([
    ".gitignore",
    ".tanvritignore",
    "dist/",
    "dist/a",
    "model.bin",
    "x/",
    "x/.tanvritignore",
    "x/model.bin",
  ]);
});

test("rules above the source count up to the top of the repository, but not for the source itself", async () => {
  await using scratch = await makeScratch();
  make(scratch.path, {
    ".gitignore": "never\n",
    "repo/.git/info/exclude": "private\n",
    "repo/.gitignore": "dist\n*.o\n/src/lib/x\n",
    "repo/src/.gitignore": "y\n",
    "repo/src/lib/x": "",
    "repo/src/lib/y": "",
    "repo/src/lib/z.o": "",
    "repo/src/lib/private": "",
    "repo/src/lib/never": "",
    "repo/dist/out": "",
    "repo/dist/dist/out": "",
  });
  expect(await paths(scratch.join("repo/src/lib"))).toEqual(["never"]);
  expect(await paths(scratch.join("repo/dist"))).toEqual(["out"]);
});

test("in a worktree the exclude file of the repository counts", async () => {
  await using scratch = await makeScratch();
  make(scratch.path, {
    "main/.git/info/exclude": "private\n",
    "main/.git/worktrees/w/HEAD": "",
    "w/private": "",
    "w/a": "",
    "w/.git": `gitdir: ${scratch.join("main/.git/worktrees/w")}\n`,
  });
  expect(await paths(scratch.join("w"))).toEqual(["a"]);
});

test(".git stays here unless .tanvritignore or --no-ignore wants it; .gitignore cannot", async () => {
  await using scratch = await makeScratch();
  make(scratch.path, { ".git/HEAD": "", "sub/.git": "gitdir: x", ".gitignore": "!.git\n", a: "" });
  expect(await paths(scratch.path)).toEqual([".gitignore", "a", "sub/"]);
  expect(await paths(scratch.path, { noIgnore: true })).toContain(".git/HEAD");
  make(scratch.path, { ".tanvritignore": "!.git" });
  expect(await paths(scratch.path)).toEqual([
    ".git/",
    ".git/HEAD",
    ".gitignore",
    ".tanvritignore",
    "a",
    "sub/",
    "sub/.git",
  ]);
});

test("what cannot be sent is refused with its name, and with what to do", async () => {
  await using scratch = await makeScratch();
  const todo = "To send the rest, exclude it in .tanvritignore";
  const at = (name: string) => {
    const directory = scratch.join(name);
    make(directory, { "d/fine": "" });
    return directory;
  };
  const out = at("out");
  make(out, { "d/secret": "->/etc/passwd" });
  expect(await refusal(out)).toBe(`d/secret: the link to /etc/passwd leads out of the directory. ${todo}`);
  const up = at("up");
  make(up, { "d/up": "->../..", "d/fine-link": "->../d" });
  expect(await refusal(up)).toBe(`d/up: the link to ../.. leads out of the directory. ${todo}`);
  const newline = at("newline");
  make(newline, { "d/a\nb": "" });
  expect(await refusal(newline)).toBe(
    `"d/a\\nb": the path contains a newline or another control character. ${todo}`,
  );
  const pipe = at("pipe");
  expect(Bun.spawnSync(["mkfifo", join(pipe, "d/pipe")]).exitCode).toBe(0);
  expect(await refusal(pipe)).toBe(`d/pipe: it is a named pipe, which cannot be sent. ${todo}`);
  const bytes = at("bytes");
  writeFileSync(Buffer.concat([Buffer.from(join(bytes, "d/x")), Buffer.from([0xff])]), "");
  writeFileSync(join(bytes, "d/\uFFFD-fine"), "");
  expect(await refusal(bytes)).toBe(`d/x\uFFFD: the name is not valid UTF-8. ${todo}`);
  for (const directory of [out, up, newline, pipe, bytes]) {
    writeFileSync(join(directory, ".tanvritignore"), "d\n");
    expect(await refusal(directory)).toBe("accepted");
  }
});

test("a socket is refused", async () => {
  await using scratch = await makeScratch();
  const server = createServer().listen(scratch.join("sock"));
  await new Promise((resolve) => server.once("listening", resolve));
  expect(await refusal(scratch.path)).toStartWith("sock: it is a socket, which cannot be sent");
  server.close();
});

test("a directory that cannot be read is refused", async () => {
  await using scratch = await makeScratch();
  make(scratch.path, { "d/x": "" });
  chmodSync(scratch.join("d"), 0);
  const isRoot = process.geteuid?.() === 0;
  // Root may read everything, so the test does without its rights for a moment.
  if (isRoot) {
    chownSync(scratch.path, NOBODY, NOBODY);
    process.seteuid?.(NOBODY);
  }
  try {
    expect(await refusal(scratch.path)).toStartWith("d: cannot read the directory: permission denied");
  } finally {
    if (isRoot) process.seteuid?.(0);
    chmodSync(scratch.join("d"), 0o700);
  }
});

test("with onProblem the others are found, in order, and every problem is reported", async () => {
  await using scratch = await makeScratch();
  make(scratch.path, { a: "", "b\x1b": "", c: "->/etc", d: "->c/x", e: "12345", "f/g": "" });
  Bun.spawnSync(["mkfifo", scratch.join("f/pipe")]);
  const problems: string[] = [];
  const options = {
    maxFileBytes: 4,
    onProblem: (error: FileError) => problems.push(`${error.reason} ${error.message}`),
  };
  expect(await paths(scratch.path, options)).toEqual(["a", "f/", "f/g"]);
  expect(problems).toEqual([
    'unsuitable "b\\u001b": the path contains a newline or another control character',
    "unsuitable e: it has 5 bytes, which is more than the limit of 4 bytes",
    "unsuitable f/pipe: it is a named pipe, which cannot be sent",
    "unsuitable c: the link to /etc leads out of the directory",
    "unsuitable d: the link to c/x leads out of the directory",
  ]);
});

test("globs choose files with the directories above them; what they cannot match is not even looked at", async () => {
  await using scratch = await makeScratch();
  make(scratch.path, {
    "dist/a": "",
    "dist/.b": "",
    "dist/deep/empty/": "",
    "src/x.xml": "",
    "y.xml": "",
    "src/deep/z.xml": "",
    ".tanvrit/results": "",
    "one/file": "",
    "one/other": "",
    "dir/in/side": "",
    "none/": "",
  });
  Bun.spawnSync(["mkfifo", scratch.join("src/pipe")]);
  const find = (...globs: string[]) => paths(scratch.path, { noIgnore: true, exclude: [".tanvrit"], globs });
  expect(await find("dist/**")).toEqual(["dist/", "dist/.b", "dist/a", "dist/deep/", "dist/deep/empty/"]);
  expect(await find("*.xml")).toEqual(["y.xml"]);
  expect(await find("**/*.xml")).toEqual(["src/", "src/deep/", "src/deep/z.xml", "src/x.xml", "y.xml"]);
  expect(await find("one/file", "dir")).toEqual(["dir/", "dir/in/", "dir/in/side", "one/", "one/file"]);
  expect(await find("**", "!src/**", "!dist/**", "!{one,dir}/**")).toEqual(["none/", "y.xml"]);
  expect(await find("none/**", "*/{file,x.xml}")).toEqual(["none/", "one/", "one/file", "src/", "src/x.xml"]);
  expect(await find("nothing")).toEqual([]);
  const unreadable = scratch.join("src");
  rmSync(unreadable, { recursive: true });
  writeFileSync(unreadable, "");
  expect(await find("src/*.xml")).toEqual([]);
});
