import { expect, test } from "bun:test";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import type { JobInputs } from "../../shared/node.ts";
import { assignmentOf } from "../../tests/support/agent/assignment.ts";
import { PlayedBlobs } from "../../tests/support/agent/played-blobs.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { StartFailedError } from "../executors/port/executor.ts";
import type { ExecutionNews } from "../supervisor/link.ts";
import type { StartOrder } from "../supervisor/protocol.ts";
import { needsFiles, Preparations, type PreparationsParts } from "./preparations.ts";

const given: JobInputs = { inputs: [], env: { A: "1" }, secretEnv: {}, secretFiles: {}, notes: [] };
const withInputs: JobInputs = { ...given, inputs: [new PlayedBlobs().input({ a: "one" })] };

function stage(parts: Partial<PreparationsParts> = {}) {
  const started: StartOrder[] = [];
  const news: ExecutionNews[] = [];
  const found: unknown[] = [];
  const unpinned: string[] = [];
  const preparations = new Preparations({
    ask: async () => given,
    fetch: async () => {},
    unpin: (executionId) => unpinned.push(executionId),
    removeBlob: () => {},
    cache: () => "/cache",
    start: (order) => started.push(order),
    found: (...args) => found.push(args),
    onNews: (one) => news.push(one),
    ...parts,
  });
  const begin = (): string => {
    const assignment = assignmentOf({ command: "true" });
    preparations.begin({ assignment, nodeId: newId("node"), limits: {}, gpus: [], environment: {} });
    return assignment.executionId;
  };
  const end = () => waitFor("the end", () => news.find((one) => one.type === "ended"));
  return { preparations, started, news, found, unpinned, begin, end };
}

/** A step that lasts until its signal fires. */
const forever = (...args: unknown[]) =>
  new Promise<never>((_, reject) => {
    const signal = args.at(-1) as AbortSignal;
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });

test("only jobs with inputs, secrets or results of others are prepared", () => {
  const needs = (manifest: object) => needsFiles(assignmentOf({ command: "true", ...manifest }).manifest);
  expect(needs({ outputs: ["**"] })).toBe(false);
  expect(needs({ inputs: [{ from: `artifact:${newId("art")}` }] })).toBe(true);
  expect(needs({ secretEnv: { A: "a" } })).toBe(true);
  expect(needs({ secretFiles: { a: "a" } })).toBe(true);
  expect(needs({ envFrom: [newId("job")] })).toBe(true);
});

test("a job with inputs starts with everything the server gave while they come, and then the supervisor hears that all are here", async () => {
  const gate = Promise.withResolvers<void>();
  const at = stage({
    ask: async () => withInputs,
    fetch: async (_, __, progress) => {
      progress.push({ totalBytes: 2 * 1024 ** 3, doneBytes: 412 * 1024 ** 2, fetchedBytes: 7 });
      await gate.promise;
    },
  });
  const id = at.begin();
  expect(at.preparations.inWords(id)).toBe("asking the server for its inputs");
  await waitFor("progress", () => at.preparations.inWords(id)?.startsWith("fetching"));
  expect(at.preparations.inWords(id)).toBe("fetching inputs: 412 MiB of 2 GiB");
  const files = { ...withInputs, cache: "/cache", fetchedBytes: 0, areComing: true };
  expect(at.started.map((order) => order.files)).toEqual([files]);
  expect([at.preparations.tell(id, "cancel"), at.found]).toEqual([false, []]);
  gate.resolve();
  await waitFor("the files", () => at.found.length > 0);
  expect(at.found).toEqual([[id, { fetchedBytes: 7 }]]);
  expect([at.preparations.inWords(id), at.news]).toEqual([undefined, []]);
});

test("a job whose supervisor dies while its files come starts again once, unless it was cancelled", async () => {
  const at = stage({ ask: async () => withInputs, fetch: forever });
  const [again, cancelled] = [at.begin(), at.begin()];
  await waitFor("both start", () => at.started.length === 2);
  at.preparations.tell(cancelled, "cancel");
  expect(at.preparations.startAgain([again, cancelled, "exe_other"])).toEqual([cancelled, "exe_other"]);
  expect(at.started[2]).toEqual(at.started[0]);
  expect(at.preparations.startAgain([again])).toEqual([again]);
});

test("while the files of four started jobs come, others wait for theirs before they start", async () => {
  const gate = Promise.withResolvers<void>();
  const at = stage({
    ask: async () => withInputs,
    fetch: async (_, __, progress) => {
      progress.push({ totalBytes: 9, doneBytes: 9, fetchedBytes: 9 });
      await gate.promise;
    },
  });
  const ids = Array.from({ length: 6 }, () => at.begin());
  await waitFor("all fetch", () => ids.every((id) => at.preparations.inWords(id)?.startsWith("fetching")));
  expect(at.started).toHaveLength(4);
  gate.resolve();
  await waitFor("all start", () => at.started.length === 6);
  expect(at.started.map(({ files }) => [files?.areComing, files?.fetchedBytes])).toEqual([
    ...Array(4).fill([true, 0]),
    ...Array(2).fill([undefined, 9]),
  ]);
});

test("the supervisor of a job whose files cannot come hears why, and a job that is over asks for nothing more", async () => {
  const fails = stage({
    ask: async () => withInputs,
    fetch: () => Promise.reject(new StartFailedError("no room")),
  });
  const id = fails.begin();
  await waitFor("the outcome", () => fails.found.length > 0);
  expect([fails.found, fails.news]).toEqual([[[id, { problem: "no room" }]], []]);
  const stopped = Promise.withResolvers<void>();
  const over = stage({
    ask: async () => withInputs,
    fetch: (...args) => forever(...args).finally(stopped.resolve),
  });
  const other = over.begin();
  await waitFor("the start", () => over.started.length > 0);
  over.preparations.settled(other);
  await stopped.promise;
  expect([over.found, over.unpinned]).toEqual([[], [other]]);
});

test("a job that is cancelled or disowned while it is prepared ends as CANCELLED, and gives up its files", async () => {
  for (const how of ["cancel", "kill"] as const) {
    const at = stage({ fetch: forever });
    const id = at.begin();
    expect(at.preparations.tell(id, how)).toBe(true);
    expect(await at.end()).toMatchObject({ executionId: id, lastSeq: 0, end: { status: "CANCELLED" } });
    expect([at.unpinned, at.started]).toEqual([[id], []]);
  }
});

test("what the server or the cache refuses ends the start with their words", async () => {
  for (const error of [
    new ComputeError("conflict", "The secret deploy is gone."),
    new StartFailedError("The secret deploy is gone."),
  ]) {
    const at = stage({ ask: () => Promise.reject(error) });
    at.begin();
    expect(await at.end()).toMatchObject({
      end: { status: "FAILED", reason: "StartFailed", message: "The secret deploy is gone." },
    });
  }
});

test("an agent that ends leaves jobs in preparation to the next agent, without a word", async () => {
  const at = stage({ fetch: forever });
  const id = at.begin();
  at.preparations.close();
  await new Promise((resolve) => setImmediate(resolve));
  expect([at.news, at.preparations.inWords(id)]).toEqual([[], undefined]);
});

test("a lost blob is fetched again, and a failure goes to the supervisor that waits", async () => {
  const removed: string[] = [];
  const at = stage({ removeBlob: (sha256) => removed.push(sha256) });
  await at.preparations.fetchAgain("exe_1", "abc");
  expect([removed, at.found]).toEqual([["abc"], [["exe_1", { fetchedBytes: 0 }]]]);
  const fails = stage({ fetch: () => Promise.reject(new StartFailedError("no room")) });
  await fails.preparations.fetchAgain("exe_1", "abc");
  expect(fails.found).toEqual([["exe_1", { problem: "no room" }]]);
});
