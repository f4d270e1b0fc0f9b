import { expect, test } from "bun:test";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { ComputeError } from "../../shared/errors.ts";
import { limits } from "../../shared/limits.ts";
import { PlayedFiles } from "../../tests/support/played-files.ts";
import { makeScratch } from "../../tests/support/scratch.ts";
import type { WaitingOutputs } from "../supervisor/protocol.ts";
import {
  boundedProblems,
  OutputCollector,
  type OutputCollectorParts,
  type OutputServer,
} from "./output-collector.ts";

const log = { info: () => {}, warn: () => {}, error: () => {} };

/** A directory with files of the given sizes, and a server that takes them. */
async function stage(sizes: Record<string, number>, parts: Partial<OutputCollectorParts> = {}) {
  const scratch = await makeScratch();
  for (const [path, size] of Object.entries(sizes)) {
    mkdirSync(dirname(scratch.join(path)), { recursive: true });
    writeFileSync(scratch.join(path), Buffer.alloc(size, path));
  }
  const files = new PlayedFiles();
  const trees: { files: number; bytes: number }[] = [];
  const server: OutputServer = {
    use: (step) => step(files),
    create: async (_, { files: count, bytes }) => {
      trees.push({ files: count, bytes });
      return `art_${trees.length}`;
    },
  };
  const collector = new OutputCollector({ server, limits: () => ({}), log, ...parts });
  const directory = scratch.path;
  const begin = (globs: string[], more: Partial<WaitingOutputs> = {}) =>
    collector.begin("exe_1", { globs, root: directory, directory, exclude: [], ...more });
  return {
    scratch,
    files,
    trees,
    server,
    collector,
    begin,
    [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose](),
  };
}

test("what the globs choose becomes one artifact, without what is never an output", async () => {
  await using at = await stage({ "out/a": 3, "out/b": 4, ".netrc": 5, ".tanvrit-results": 6 });
  const over = await at.begin(["**"], { exclude: [".netrc", ".tanvrit-results"] }).over;
  expect(over).toEqual({ artifactId: "art_1", problems: [] });
  expect(at.trees).toEqual([{ files: 2, bytes: 7 }]);
});

test("a job without outputs that match has no artifact, and the globs are named", async () => {
  await using at = await stage({ a: 1 });
  expect(await at.begin(["x/*.xml"]).over).toEqual({
    problems: [{ path: "x/*.xml", message: "there is no such file" }],
  });
  expect(at.trees).toEqual([]);
});

test("a file above maxFileMb, and files that go above maxMb, are named, and the others arrive", async () => {
  const MIB = 1024 * 1024;
  await using at = await stage(
    { a: 1.5 * MIB, b: 3 * MIB, c: MIB, d: 0.2 * MIB },
    { limits: () => ({ maxFileMb: 2, maxMb: 2 }) },
  );
  const { artifactId, problems } = await at.begin(["**"]).over;
  expect(artifactId).toBe("art_1");
  expect(problems.map(({ path }) => path)).toEqual(["b", "c"]);
  expect(at.trees).toEqual([{ files: 2, bytes: Math.round(1.7 * MIB) }]);
});

test("a refusal of the server ends the collecting and says why; the job keeps its own result", async () => {
  await using at = await stage({ a: 1 });
  at.files.before = () => {
    throw new ComputeError("quota_exceeded", "The files of this business use 10 GiB of 10 GiB.");
  };
  expect((await at.begin(["**"]).over).problems).toEqual([
    { path: ".", message: "the outputs were not stored: The files of this business use 10 GiB of 10 GiB." },
  ]);
});

test("when the server lost blobs before the artifact was made, they are sent again", async () => {
  await using at = await stage({ a: 1 });
  const { create } = at.server;
  let times = 0;
  at.server.create = async (...args) => {
    if (times++ > 0) return create(...args);
    at.files.blobs.clear();
    return undefined;
  };
  expect((await at.begin(["**"]).over).artifactId).toBe("art_1");
  expect(at.files.packs).toHaveLength(2);
});

test("the end of a cancelled job waits for its outputs only for a limited time", async () => {
  await using at = await stage({ a: 1 }, { cancelLimitMs: 20 });
  at.files.before = () => new Promise(() => {});
  at.server.use = (step, signal) => Promise.race([step(at.files), aborted(signal)]);
  const collecting = at.begin(["**"]);
  collecting.hurry();
  expect((await collecting.over).problems).toEqual([
    { path: ".", message: "the job was cancelled, and its outputs were not stored within 0.02 s" },
  ]);
});

test("an agent that ends says nothing about outputs on their way: the next agent collects them", async () => {
  await using at = await stage({ a: 1 });
  at.server.use = (_, signal) => aborted(signal);
  const collecting = at.begin(["**"]);
  let said = false;
  void collecting.over.then(() => {
    said = true;
  });
  at.collector.close();
  await new Promise((resolve) => setImmediate(resolve));
  expect(said).toBe(false);
});

test("a directory that is gone, or that leads elsewhere on a node with another account for jobs, is named", async () => {
  await using at = await stage({ "in/a": 1 });
  rmSync(at.scratch.join("in"), { recursive: true });
  const gone = await at.begin(["**"], { root: at.scratch.join("in") }).over;
  expect(gone.problems[0]?.message).toContain("it is not there any more");
  symlinkSync("/etc", at.scratch.join("in"));
  const elsewhere = await at.begin(["**"], { root: at.scratch.join("in"), ownerUid: 65_534 }).over;
  expect(elsewhere.problems[0]?.message).toContain("only in the job's own directory");
});

test("a report has as many problems as it may, and the last says how many more there are", () => {
  const many = Array.from({ length: 150 }, (_, i) => ({ path: `f${i}`, message: "permission denied" }));
  const bounded = boundedProblems(many);
  expect(bounded).toHaveLength(limits.maxOutputProblems);
  expect(bounded.at(-1)?.message).toBe("51 more could not be collected");
  const long = boundedProblems(many.map(({ path }) => ({ path: path.repeat(500), message: "x" })));
  expect(Buffer.byteLength(JSON.stringify(long))).toBeLessThanOrEqual(limits.maxOutputProblemsBytes);
  expect(boundedProblems(many.slice(0, 3))).toEqual(many.slice(0, 3));
});

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
