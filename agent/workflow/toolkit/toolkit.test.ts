import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Toolkit } from "./toolkit.ts";

const root = mkdtempSync(join(tmpdir(), "toolkit-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const client = join(import.meta.dirname, "../../../tests/support/workflow/toolkit-client.mjs");

function open(name: string, runId = "run_1"): Toolkit {
  return new Toolkit({
    cacheDirectory: join(root, name),
    repository: "octo/repo",
    runId,
    outputDirectory: join(root, name, "outputs"),
  });
}

async function runClient(
  toolkit: Toolkit,
  name: string,
  runtime: string[],
  env: Record<string, string> = {},
) {
  const workspace = join(root, name, "workspace");
  mkdirSync(workspace, { recursive: true });
  const child = Bun.spawn([...runtime, client], {
    cwd: workspace,
    env: {
      ...process.env,
      ...(await toolkit.environmentFor("build")),
      GITHUB_WORKSPACE: workspace,
      RUNNER_TEMP: workspace,
      ...env,
    },
    stdout: "pipe",
    stderr: "pipe",
    timeout: 60_000,
  });
  const [text, status] = [await new Response(child.stderr).text(), await child.exited];
  return { status, said: status === 0 ? JSON.parse(text.trim().split("\n").at(-1) ?? "{}") : text };
}

const answer = {
  size: expect.any(Number),
  again: expect.stringContaining("already has an artifact named"),
  listed: ["data"],
  isSame: true,
  hit: "k-1",
  isRestored: true,
  byPrefix: "k-1",
};

test("GitHub's own clients keep and get artifacts and caches", async () => {
  const toolkit = open("clients");
  expect(await runClient(toolkit, "clients", ["node"])).toEqual({ status: 0, said: answer });
  expect(toolkit.artifacts.list().map(({ name }) => name)).toEqual(["data"]);
  await toolkit.close();
});

test("clients of the older cache service are served too", async () => {
  const toolkit = open("older");
  const env = { ACTIONS_CACHE_SERVICE_V2: "" };
  expect(await runClient(toolkit, "older", ["node"], env)).toEqual({ status: 0, said: answer });
  await toolkit.close();
});

test("without a token or a signature there is nothing to get", async () => {
  const toolkit = open("strangers");
  const { ACTIONS_RESULTS_URL: url = "" } = await toolkit.environmentFor("build");
  for (const path of [
    "twirp/github.actions.results.api.v1.ArtifactService/ListArtifacts",
    "_apis/artifactcache/cache?keys=k&version=v",
    "upload/blobs/cache-1?sig=AAAA",
    "download/x/y",
  ]) {
    for (const authorization of ["", "Bearer x", "Bearer eyJhbGciOiJub25lIn0.e30."]) {
      const method = path.startsWith("twirp") ? "POST" : path.startsWith("upload") ? "PUT" : "GET";
      const { status } = await fetch(url + path, { method, headers: { authorization } });
      expect(`${path} ${status}`).toBe(`${path} 401`);
    }
  }
  await toolkit.close();
});

test("a later attempt of a run still has the artifacts, another run has none, and both have the caches", async () => {
  const first = open("attempts");
  first.artifacts.reserve("a");
  const path = first.artifacts.newPath();
  await Bun.write(path, "x");
  await first.artifacts.finish("a", { path, digest: "sha256:0", mimeType: "application/zip" });
  const id = first.caches.reserve("k", "v") ?? 0;
  const file = first.caches.newPath();
  await Bun.write(file, "y");
  await first.caches.finish(id, file);
  await first.close();
  const second = open("attempts");
  expect(second.artifacts.find("a")).toMatchObject({ name: "a", size: 1 });
  expect(second.caches.find(["k"], "v")).toMatchObject({ id, key: "k" });
  await second.close();
  const other = open("attempts", "run_2");
  expect(other.artifacts.list()).toEqual([]);
  expect(other.caches.find(["k"], "v")).toMatchObject({ id });
  await other.close();
});

test("two runs that save one key keep one of them, and a full shelf loses what was used longest ago", async () => {
  const { CacheShelf } = await import("./cache-shelf.ts");
  const directory = join(root, "shelf");
  const one = new CacheShelf(directory, 10);
  const two = new CacheShelf(directory, 10);
  const put = async (key: string, bytes: number) => {
    const id = one.reserve(key, "v") ?? 0;
    expect(two.reserve(key, "v")).toBeUndefined();
    const path = one.newPath();
    await Bun.write(path, "x".repeat(bytes));
    await one.finish(id, path);
  };
  await put("a", 4);
  await put("b", 4);
  expect(two.find(["a"], "v")?.key).toBe("a");
  await put("c", 4);
  expect(["a", "b", "c"].map((key) => two.find([key], "v")?.key)).toEqual(["a", undefined, "c"]);
  expect(two.find(["a"], "another version")).toBeUndefined();
  one.close();
  two.close();
});
