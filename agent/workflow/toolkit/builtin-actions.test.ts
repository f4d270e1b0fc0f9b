import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Annotation } from "../../../shared/workflow-run.ts";
import type { BuiltinCall, StepState } from "../job.ts";
import { toolkitActions } from "./builtin-actions.ts";
import { Toolkit } from "./toolkit.ts";

let root: string;
let workspace: string;
let toolkit: Toolkit;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "builtin-")));
  workspace = join(root, "workspace");
  mkdirSync(workspace);
  toolkit = new Toolkit({
    cacheDirectory: join(root, "cache"),
    repository: "octo/repo",
    runId: "run_1",
    outputDirectory: join(root, "outputs"),
  });
});
afterEach(async () => {
  await toolkit.close();
  rmSync(root, { recursive: true, force: true });
});

function write(...names: string[]): void {
  for (const name of names) {
    mkdirSync(dirname(join(workspace, name)), { recursive: true });
    writeFileSync(join(workspace, name), `content of ${name}`);
  }
}

/** A step with only what these actions use, which remembers what they say. */
function stepOf(state = new Map<string, string>()) {
  const outputs: Record<string, string> = {};
  const annotations: Annotation[] = [];
  const lines: string[] = [];
  const step = {
    number: 1,
    state,
    cancel: new AbortController().signal,
    setOutput(name: string, value: string) {
      outputs[name] = value;
    },
    job: {
      host: { guestPath: (path: string) => path.replace(workspace, "/__w/repo/repo") },
      plan: { directories: { workspace } },
      services: {
        report: {
          line: (text: string) => void lines.push(text),
          annotate: (annotation: Annotation) => void annotations.push(annotation),
        },
      },
    },
  } as unknown as StepState;
  return { step, outputs, annotations, lines };
}

async function run(
  name: string,
  given: Record<string, string>,
  { post = false, state = new Map<string, string>() } = {},
) {
  const action = toolkitActions(toolkit)[name];
  const { step, ...said } = stepOf(state);
  const inputs: Record<string, string> = {};
  for (const [key, { default: value = "" }] of Object.entries(action?.inputs ?? {}))
    inputs[key.toLowerCase()] = value;
  const call: BuiltinCall = { step, inputs: { ...inputs, ...given } };
  const end = await (post ? action?.post?.(call) : action?.main(call));
  return { outcome: end?.outcome, ...said };
}

const upload = (inputs: Record<string, string>) => run("actions/upload-artifact", inputs);
const download = (inputs: Record<string, string>) => run("actions/download-artifact", inputs);

test("what one job uploads another downloads, with names relative to what was asked for", async () => {
  write("out/a.txt", "out/deep/b.txt", "out/.hidden", "other/c.txt");
  expect(await upload({ name: "one", path: "out" })).toMatchObject({ outcome: "success", annotations: [] });
  expect(await upload({ name: "two", path: "out/**\nother/*.txt\n!**/b.txt" })).toMatchObject({
    outcome: "success",
  });
  expect(await upload({ name: "three", path: "out/a.txt", "include-hidden-files": "true" })).toMatchObject({
    outcome: "success",
    outputs: {
      "artifact-id": expect.stringMatching(/^\d+$/),
      "artifact-digest": expect.stringMatching(/^[0-9a-f]{64}$/),
    },
  });
  rmSync(workspace, { recursive: true });
  mkdirSync(workspace);
  expect(await download({})).toMatchObject({
    outcome: "success",
    outputs: { "download-path": "/__w/repo/repo" },
  });
  expect(readdirSync(workspace, { recursive: true }).map(String).sort()).toEqual([
    "one",
    "one/a.txt",
    "one/deep",
    "one/deep/b.txt",
    "three",
    "three/a.txt",
    "two",
    "two/other",
    "two/other/c.txt",
    "two/out",
    "two/out/a.txt",
  ]);
  expect(readFileSync(join(workspace, "one/deep/b.txt"), "utf8")).toBe("content of out/deep/b.txt");
  expect(readdirSync(join(root, "outputs")).sort()).toEqual(["one.zip", "three.zip", "two.zip"]);
});

test("a download takes one artifact by name, some by pattern, or merges them", async () => {
  write("a", "b");
  await upload({ name: "part-1", path: "a" });
  await upload({ name: "part-2", path: "/__w/repo/repo/b" });
  expect(await download({ name: "part-1", path: "got" })).toMatchObject({ outcome: "success" });
  expect(await download({ pattern: "part-*", path: "all", "merge-multiple": "true" })).toMatchObject({
    outcome: "success",
  });
  expect(await download({ pattern: "x*", path: "none" })).toMatchObject({
    annotations: [{ level: "warning" }],
  });
  expect(readdirSync(join(workspace, "got"))).toEqual(["a"]);
  expect(readdirSync(join(workspace, "all")).sort()).toEqual(["a", "b"]);
  const missing = await download({ name: "part-3" });
  expect(missing.outcome).toBe("failure");
  expect(missing.annotations[0]?.message).toBe(
    "Artifact not found for name: part-3. This run has part-1, part-2.",
  );
});

test("a name is taken once, unless it may be overwritten, and a bad name is refused", async () => {
  write("a", "b");
  await upload({ name: "x", path: "a" });
  expect((await upload({ name: "x", path: "b" })).annotations[0]?.message).toContain("overwrite: true");
  expect(await upload({ name: "x", path: "b", overwrite: "true" })).toMatchObject({ outcome: "success" });
  expect(readdirSync(join(root, "outputs"))).toEqual(["x.zip"]);
  for (const name of ["a/b", 'a"b', "a:b", "a*"]) {
    expect((await upload({ name, path: "a" })).annotations[0]?.message).toContain("is not valid");
  }
});

test("without files an upload warns, fails or keeps silent, as asked", async () => {
  const path = "nothing/**";
  expect(await upload({ path })).toMatchObject({ outcome: "success", annotations: [{ level: "warning" }] });
  expect(await upload({ path, "if-no-files-found": "error" })).toMatchObject({
    outcome: "failure",
    annotations: [{ level: "failure" }],
  });
  expect(await upload({ path, "if-no-files-found": "ignore" })).toMatchObject({
    outcome: "success",
    annotations: [],
  });
  expect(await upload({ path, "if-no-files-found": "maybe" })).toMatchObject({ outcome: "failure" });
  expect(await upload({ path: "" })).toMatchObject({ outcome: "failure" });
});

test("a cache is saved after the job, hit by its key, and found by the beginning of a key", async () => {
  write("deps/a", "deps/deep/b");
  const inputs = { path: "deps", key: "deps-1", "restore-keys": "deps-\n" };
  const state = new Map<string, string>();
  const miss = await run("actions/cache", inputs, { state });
  expect(miss.outputs).toEqual({ "cache-primary-key": "deps-1" });
  await run("actions/cache", inputs, { state, post: true });
  rmSync(join(workspace, "deps"), { recursive: true });

  const again = new Map<string, string>();
  const hit = await run("actions/cache", inputs, { state: again });
  expect(hit.outputs).toEqual({
    "cache-primary-key": "deps-1",
    "cache-matched-key": "deps-1",
    "cache-hit": "true",
  });
  expect(readFileSync(join(workspace, "deps/deep/b"), "utf8")).toBe("content of deps/deep/b");
  expect((await run("actions/cache", inputs, { state: again, post: true })).lines[0]).toContain(
    "not saving cache",
  );

  const near = await run("actions/cache/restore", { ...inputs, key: "deps-2" });
  expect(near.outputs).toMatchObject({ "cache-matched-key": "deps-1", "cache-hit": "false" });
  expect(
    (await run("actions/cache/restore", { ...inputs, path: "others" })).outputs["cache-matched-key"],
  ).toBeUndefined();
  expect(
    await run("actions/cache/restore", { path: "deps", key: "x", "fail-on-cache-miss": "true" }),
  ).toMatchObject({
    outcome: "failure",
  });
});

test("a cache that cannot be saved warns, and never fails the job", async () => {
  expect(await run("actions/cache/save", { path: "nothing", key: "k" })).toMatchObject({
    outcome: "success",
    annotations: [{ level: "warning" }],
  });
  for (const key of ["", "a,b", "x".repeat(513)]) {
    expect(await run("actions/cache/save", { path: "deps", key })).toMatchObject({ outcome: "failure" });
  }
});
