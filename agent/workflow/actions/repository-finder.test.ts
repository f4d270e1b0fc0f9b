import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { GitRepository, writeFiles } from "../../../tests/support/git-repository.ts";
import { makeScratch, type Scratch } from "../../../tests/support/scratch.ts";
import { actionFilesOf } from "./definition.ts";
import { readReference } from "./reference.ts";
import { RepositoryFinder } from "./repository-finder.ts";

setDefaultTimeout(30_000);

const ACTION = { "action.yml": "runs: {using: node20, main: a.js}" };

test.each(["owner/repo@v1", "owner/repo/v1", "owner/repo", "owner-repo@v1", "Owner/Repo@v1"])(
  "the action store has owner/repo@v1 at %s",
  async (place) => {
    await using scratch = await makeScratch();
    writeFiles(scratch.join("store", place), { ...ACTION, "a.js": "here" });
    expect(await find(scratch, "owner/repo@v1", "a.js")).toBe("here");
  },
);

test("a ref with slashes is a path or has dashes", async () => {
  await using scratch = await makeScratch();
  writeFiles(scratch.join("store", "o/a@releases/v1"), ACTION);
  writeFiles(scratch.join("store", "o/b@releases-v1"), ACTION);
  expect(await find(scratch, "o/a@releases/v1", "action.yml")).toContain("node20");
  expect(await find(scratch, "o/b@releases/v1", "action.yml")).toContain("node20");
});

test("a version that a directory of versions does not have is not found", async () => {
  await using scratch = await makeScratch();
  writeFiles(scratch.join("store", "owner/repo/v1"), ACTION);
  await expect(find(scratch, "owner/repo@v2", "action.yml")).rejects.toThrow(
    "Unable to resolve action `owner/repo@v2`: the action store does not have it; ",
  );
});

test("a git repository of the store is taken at a tag, a branch or a commit", async () => {
  await using scratch = await makeScratch();
  const repository = new GitRepository(scratch.join("store/owner/repo"));
  const first = repository.commit({ ...ACTION, "a.js": "one" });
  repository.git("tag", "-a", "v1", "-m", "One");
  repository.commit({ "a.js": "two" });
  repository.git("branch", "next");
  writeFiles(repository.path, { "a.js": "not committed" });
  expect(await find(scratch, "owner/repo@v1", "a.js")).toBe("one");
  expect(await find(scratch, "owner/repo@next", "a.js")).toBe("two");
  expect(await find(scratch, `owner/repo@${first}`, "a.js")).toBe("one");
  await expect(find(scratch, "owner/repo@v9", "a.js")).rejects.toThrow(
    "the repository owner/repo of the action store has no `v9`",
  );
  expect(repository.git("status", "--porcelain")).toBe("M a.js");
});

test("a branch is fetched again when it has moved", async () => {
  await using scratch = await makeScratch();
  const repository = new GitRepository(scratch.join("server/owner/repo"));
  repository.commit({ ...ACTION, "a.js": "one" });
  expect(await find(scratch, "owner/repo@main", "a.js")).toBe("one");
  repository.commit({ "a.js": "two" });
  expect(await find(scratch, "owner/repo@main", "a.js")).toBe("two");
});

test("what was fetched last counts when the server does not answer", async () => {
  await using scratch = await makeScratch();
  const repository = new GitRepository(scratch.join("server/owner/repo"));
  repository.commit({ ...ACTION, "a.js": "one" });
  repository.git("update-server-info");
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => serve(repository, request),
  });
  const plan = { ...planOf(scratch), actionsUrl: `http://127.0.0.1:${server.port}` };
  expect(await findWith(new RepositoryFinder(plan), "owner/repo@main", "a.js")).toBe("one");
  await server.stop(true);
  expect(await findWith(new RepositoryFinder(plan), "owner/repo@main", "a.js")).toBe("one");
  await expect(findWith(new RepositoryFinder(plan), "owner/repo@v2", "a.js")).rejects.toThrow(
    `(fetching from ${plan.actionsUrl}/owner/repo). Check the name and the version, or put it into DIR/owner/repo@v2 and run with --action-store DIR.`,
  );
});

test("a full commit is fetched once and needs no server after that", async () => {
  await using scratch = await makeScratch();
  const repository = new GitRepository(scratch.join("server/owner/repo"));
  const commit = repository.commit({ ...ACTION, "a.js": "one" });
  repository.commit({ "a.js": "two" });
  expect(await find(scratch, `owner/repo@${commit}`, "a.js")).toBe("one");
  rmSync(repository.path, { recursive: true });
  expect(await find(scratch, `owner/repo@${commit}`, "a.js")).toBe("one");
});

test("many runs at once fetch a repository once and all have it whole", async () => {
  await using scratch = await makeScratch();
  const repository = new GitRepository(scratch.join("server/owner/repo"));
  repository.commit({ ...ACTION, "a.js": "one" });
  const runs = Array.from({ length: 8 }, () => find(scratch, "owner/repo@main", "a.js"));
  expect(new Set(await Promise.all(runs))).toEqual(new Set(["one"]));
});

test("the run's own repository is taken from its working copy, at the ref", async () => {
  await using scratch = await makeScratch();
  const repository = new GitRepository(scratch.join("source"));
  repository.commit({ ...ACTION, "a.js": "own" });
  expect(await find(scratch, "me/own@main", "a.js")).toBe("own");
});

test("a short commit and a missing version have a message that says so", async () => {
  await using scratch = await makeScratch();
  new GitRepository(scratch.join("server/owner/repo")).commit(ACTION);
  await expect(find(scratch, "owner/repo@abcdef1", "a.js")).rejects.toThrow(
    "shortened version of a commit SHA",
  );
  await expect(find(scratch, "owner/repo@v9", "a.js")).rejects.toThrow("unable to find version `v9`");
  await expect(find(scratch, "owner/none@v9", "a.js")).rejects.toThrow(
    "Unable to resolve action `owner/none@v9`",
  );
});

test("a job that is cancelled does not take the search from the others", async () => {
  await using scratch = await makeScratch();
  new GitRepository(scratch.join("server/owner/repo")).commit({ ...ACTION, "a.js": "one" });
  const finder = new RepositoryFinder(planOf(scratch));
  const cancelled = new AbortController();
  const first = findWith(finder, "owner/repo@main", "a.js", cancelled.signal);
  const second = findWith(finder, "owner/repo@main", "a.js");
  cancelled.abort();
  await expect(first).rejects.toThrow();
  expect(await second).toBe("one");
});

/** Git's protocol of plain files. */
function serve({ path }: GitRepository, request: Request): Response {
  const name = new URL(request.url).pathname.replace("/owner/repo/", "");
  const file = join(path, ".git", name);
  return existsSync(file) ? new Response(Bun.file(file)) : new Response("", { status: 404 });
}

function planOf(scratch: Scratch) {
  return {
    actionStore: scratch.join("store"),
    actionsUrl: `file://${scratch.join("server")}`,
    cacheDirectory: scratch.join("cache"),
    source: scratch.join("source"),
  };
}

/** A file of the action, found by a run of its own. */
function find(scratch: Scratch, uses: string, file: string): Promise<string> {
  return findWith(new RepositoryFinder(planOf(scratch)), uses, file);
}

async function findWith(
  finder: RepositoryFinder,
  uses: string,
  file: string,
  signal = new AbortController().signal,
): Promise<string> {
  const reference = readReference(uses);
  if (reference.kind !== "repository") throw new Error(`${uses} is not in a repository`);
  const { directory } = await finder.find(
    reference,
    actionFilesOf(reference.path),
    { repository: "me/own", token: "" },
    signal,
  );
  return readFileSync(join(directory, file), "utf8");
}
