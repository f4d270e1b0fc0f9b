import { expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, symlinkSync } from "node:fs";
import { GitRepository, writeFiles } from "../../../tests/support/git-repository.ts";
import { type PlayedJob, playJob } from "../../../tests/support/played-job.ts";
import { makeScratch, type Scratch } from "../../../tests/support/scratch.ts";
import { makeRunActions } from "./builtin.ts";

setDefaultTimeout(60_000);

test("the working copy is there after checkout, with modes, links and empty directories, and git works", async () => {
  await using run = await newRun();
  const { origin } = run;
  writeFiles(origin.path, { "bin/run": "#!/bin/sh\necho it runs\n", "a b/ü.txt": "x" });
  chmodSync(`${origin.path}/bin/run`, 0o755);
  symlinkSync("bin/run", `${origin.path}/link`);
  origin.commit({ readme: "hello\n" }, "Second");
  run.send();
  mkdirSync(run.scratch.join("source/empty"));
  const { conclusion, log, steps } = await run.play(`
- run: ls -A
- uses: actions/checkout@v4
  id: checkout
- run: |
    cat readme && bin/run && ./link && ls -d empty "a b/ü.txt"
    test -L link
    git status --porcelain
    echo "branch $(git branch --show-current), $(git log --oneline | wc -l) commits"
    git log -1 --format=%s
    git config remote.origin.url
    git rev-parse --abbrev-ref origin/main
    echo "ref \${{ steps.checkout.outputs.ref }}"
    test "\${{ steps.checkout.outputs.commit }}" = "$(git rev-parse HEAD)" && echo same
    echo changed > readme
`);
  expect(conclusion).toBe("success");
  expect(log.slice(1)).toEqual([
    "hello",
    "it runs",
    "it runs",
    "a b/ü.txt",
    "empty",
    "branch main, 1 commits",
    "Second",
    "https://github.com/me/own",
    "origin/main",
    "ref refs/heads/main",
    "same",
  ]);
  expect(steps).toContain("Post Run actions/checkout@v4: success");
  expect(await Bun.file(run.scratch.join("source/readme")).text()).toBe("hello\n");
});

test("changes that are not committed are checked out too", async () => {
  await using run = await newRun();
  run.send();
  writeFiles(run.scratch.join("source"), { readme: "changed\n", fresh: "new\n" });
  const { log } = await run.play(
    "- uses: actions/checkout@v4\n- run: cat readme fresh; git status --porcelain",
  );
  expect(log.slice(-4)).toEqual(["changed", "new", " M readme", "?? fresh"]);
});

test("fetch-depth: 0 has the whole history, branches and tags", async () => {
  await using run = await newRun();
  run.origin.git("tag", "v1");
  run.origin.git("branch", "other");
  run.origin.commit({ readme: "two\n" });
  run.send("full");
  const steps = `
- uses: actions/checkout@v4
  with: {fetch-depth: 0}
- run: git log --oneline | wc -l; git describe --tags --abbrev=0; git branch -r; git branch
`;
  const { log } = await run.play(steps);
  expect(log.slice(-5)).toEqual(["2", "v1", "  origin/main", "  origin/other", "* main"]);
  const shallow = await run.play(
    "- uses: actions/checkout@v4\n- run: git log --oneline | wc -l; git branch -r; git tag",
  );
  expect(shallow.log.slice(-2)).toEqual(["1", "  origin/main"]);
});

test("another ref of the repository comes from its history, or from where it was cloned", async () => {
  await using run = await newRun();
  const first = run.origin.git("rev-parse", "HEAD");
  run.origin.git("tag", "v1");
  run.origin.commit({ readme: "two\n" });
  run.origin.git("branch", "other");
  run.origin.commit({ readme: "three\n" });
  for (const how of ["full", "shallow"] as const) {
    run.send(how);
    const { log, conclusion } = await run.play(`
- uses: actions/checkout@v4
  with: {ref: v1, path: one}
- uses: actions/checkout@v4
  with: {ref: other, path: two}
- uses: actions/checkout@v4
  with: {ref: "${first}", path: three}
- run: cat one/readme two/readme three/readme; git -C two branch --show-current; git -C one describe --tags
- run: git -C one status --porcelain; git -C one config remote.origin.url
`);
    expect(conclusion).toBe("success");
    expect(log.slice(-6)).toEqual(["hello", "two", "hello", "other", "v1", "https://github.com/me/own"]);
  }
});

test("a working copy that was cloned has a link to the default branch, which is no branch of its own", async () => {
  await using run = await newRun();
  run.send();
  const source = run.scratch.join("source");
  Bun.spawnSync(["git", "-C", source, "update-ref", "refs/remotes/origin/main", "HEAD"]);
  Bun.spawnSync([
    "git",
    "-C",
    source,
    "symbolic-ref",
    "refs/remotes/origin/HEAD",
    "refs/remotes/origin/main",
  ]);
  const { conclusion, log } = await run.play("- uses: actions/checkout@v4\n- run: git branch -r");
  expect([conclusion, log.at(-1)]).toEqual(["success", "  origin/main"]);
});

test("a ref that does not exist fails with its name", async () => {
  await using run = await newRun();
  run.send();
  const { conclusion, annotations } = await run.play("- uses: actions/checkout@v4\n  with: {ref: none}");
  expect(conclusion).toBe("failure");
  expect(annotations).toEqual([expect.stringContaining("Cannot check out none of me/own: ")]);
  expect(annotations[0]).toContain("A branch or tag with the name 'none' could not be found at file://");
});

test("another repository comes from the action store, or through git", async () => {
  await using run = await newRun();
  run.send();
  const other = new GitRepository(run.scratch.join("server/some/other"));
  other.commit({ file: "from server\n" });
  other.git("tag", "v1");
  other.commit({ file: "newer\n" });
  new GitRepository(run.scratch.join("store/some/stored")).commit({ file: "from store\n" });
  writeFiles(run.scratch.join("store/some/plain"), { file: "plain\n" });
  const { log, conclusion } = await run.play(`
- uses: actions/checkout@v4
- uses: actions/checkout@v4
  with: {repository: some/other, path: other}
- uses: actions/checkout@v4
  with: {repository: some/other, path: old, ref: v1}
- uses: actions/checkout@v4
  with: {repository: some/stored, path: stored}
- uses: actions/checkout@v4
  with: {repository: some/plain, path: plain}
- run: cat readme other/file old/file stored/file plain/file; git -C other branch --show-current
`);
  expect(conclusion).toBe("success");
  expect(log.slice(-6)).toEqual(["hello", "newer", "from server", "from store", "plain", "main"]);
});

test("clean removes what was there, unless it is false", async () => {
  await using run = await newRun();
  run.send();
  const { log } = await run.play(`
- run: echo mine > mine
- uses: actions/checkout@v4
  with: {clean: false}
- run: ls; echo changed > readme
- uses: actions/checkout@v4
- run: ls; cat readme
`);
  expect(log.filter((line) => !line.startsWith("Copied"))).toEqual(["mine", "readme", "readme", "hello"]);
});

test("a path outside of the workspace is refused", async () => {
  await using run = await newRun();
  run.send();
  const { annotations } = await run.play("- uses: actions/checkout@v4\n  with: {path: ../x}");
  expect(annotations).toEqual([expect.stringMatching(/^failure: Repository path '.*x' is not under '.*'/)]);
});

test("sparse-checkout has only these directories and the files at the top", async () => {
  await using run = await newRun();
  run.origin.commit({ "src/a": "a", "docs/b": "b" });
  run.send();
  const { log, conclusion } = await run.play(`
- uses: actions/checkout@v4
  with: {sparse-checkout: src}
- run: ls; git status --porcelain
`);
  expect(conclusion).toBe("success");
  expect(log.slice(-2)).toEqual(["readme", "src"]);
});

test("a token stays for pushes until the post part", async () => {
  await using run = await newRun();
  run.send();
  writeFiles(run.scratch.join("store/o/peek@v1"), {
    "action.yml": "runs: {using: node20, main: none.js, post: peek.js}",
    "none.js": "",
    "peek.js": `const { spawnSync } = require("child_process");
console.log("later " + spawnSync("git", ["config", "--get-regexp", "extraheader"], { encoding: "utf8" }).stdout);`,
  });
  const { log } = await run.play(`
- uses: o/peek@v1
- uses: actions/checkout@v4
  with: {token: abc}
- run: git config --get-regexp extraheader
- uses: actions/checkout@v4
  with: {path: none, token: abc, persist-credentials: false}
- run: git -C none config --get-regexp extraheader || echo none
`);
  expect(log).toContain("http.https://github.com/.extraheader AUTHORIZATION: basic ***");
  expect(log).toContain("none");
  expect(log).toContain("later ");
});

test("pushes and fetches have the remote that GitHub would give, and fetches also work without network", async () => {
  await using run = await newRun();
  run.origin.commit({ readme: "two\n" });
  run.send();
  const { log, conclusion } = await run.play(`
- uses: actions/checkout@v4
- run: |
    git remote get-url --push origin
    git fetch --quiet --unshallow && git log --oneline | wc -l
`);
  expect(conclusion).toBe("success");
  expect(log.slice(-2)).toEqual(["https://github.com/me/own", "2"]);
});

test("a pull request and a tag have no branch", async () => {
  await using run = await newRun();
  run.send();
  const steps =
    '- uses: actions/checkout@v4\n- run: echo "branch [$(git branch --show-current)]"; git status --porcelain';
  const pull = await run.play(steps, { ref: "refs/pull/3/merge", ref_name: "3/merge" });
  expect(pull.log.at(-1)).toBe("branch []");
  const other = await run.play(steps, { ref: "refs/heads/feature/x", ref_name: "feature/x" });
  expect(other.log.at(-1)).toBe("branch [feature/x]");
});

test("a working copy that is no repository is copied as it is", async () => {
  await using run = await newRun();
  writeFiles(run.scratch.join("source"), { file: "x\n" });
  const { log, conclusion } = await run.play("- uses: actions/checkout@v4\n- run: cat file; test ! -e .git");
  expect(conclusion).toBe("success");
  expect(log.at(-1)).toBe("x");
});

test("inputs that checkout does not know are annotated", async () => {
  await using run = await newRun();
  run.send();
  const { annotations, conclusion } = await run.play("- uses: actions/checkout@v4\n  with: {depth: 1}");
  expect(conclusion).toBe("success");
  expect(annotations).toEqual([
    expect.stringContaining("Unexpected input(s) 'depth', valid inputs are ['repository'"),
  ]);
});

interface Run extends AsyncDisposable {
  scratch: Scratch;
  /** The repository of the person who starts the run. */
  origin: GitRepository;
  /** Makes the working copy of the run as a client does: the files, and a .git of a clone. */
  send(history?: "full" | "shallow"): void;
  play(steps: string, github?: Record<string, string>): Promise<PlayedJob>;
}

async function newRun(): Promise<Run> {
  const scratch = await makeScratch();
  const origin = new GitRepository(scratch.join("origin"));
  origin.commit({ readme: "hello\n" });
  const source = scratch.join("source");
  return {
    scratch,
    origin,
    send(history = "shallow") {
      Bun.spawnSync(["rm", "-rf", source]);
      const depth = history === "shallow" ? ["--depth=1"] : [];
      origin.git("clone", "--quiet", "--bare", ...depth, `file://${origin.path}`, `${source}/.git`);
      origin.git(`--git-dir=${source}/.git`, "read-tree", "HEAD");
      origin.git(`--git-dir=${source}/.git`, `--work-tree=${source}`, "checkout-index", "--all", "--force");
      if (!existsSync(`${source}/readme`)) throw new Error("The working copy has no files.");
    },
    play(steps, github = {}) {
      const { actions } = makeRunActions({
        actionStore: scratch.join("store"),
        actionsUrl: `file://${scratch.join("server")}`,
        cacheDirectory: scratch.join("cache"),
        source,
      });
      const contexts = {
        github: {
          repository: "me/own",
          server_url: "https://github.com",
          ref: "refs/heads/main",
          ref_name: "main",
          ...github,
        },
      };
      return playJob(steps, { actions, source, contexts });
    },
    [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose](),
  };
}
