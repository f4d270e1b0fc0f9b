import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256Of } from "../../shared/files/sha256.ts";
import { newId } from "../../shared/ids.ts";
import type { JobManifestInput } from "../../shared/manifest.ts";
import type { PlacedInput } from "../../shared/node.ts";
import { assignmentOf } from "../../tests/support/agent/assignment.ts";
import { FakeExecutor } from "../../tests/support/agent/fake-executor.ts";
import { PlayedBlobs } from "../../tests/support/agent/played-blobs.ts";
import { linesOf } from "../../tests/support/lines-of.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { BlobCache } from "../files/blob-cache.ts";
import { InputFetcher } from "../files/input-fetcher.ts";
import { spoolRoom } from "../logs/spool.ts";
import { Outbox } from "../state/outbox.ts";
import { ExecutionHost } from "./execution-host.ts";
import type { News, OrderedFiles } from "./protocol.ts";

let dir: string;
let fake: FakeExecutor;
let host: ExecutionHost;
let cache: BlobCache;
let news: News[];
const source = new PlayedBlobs();
const log = { info: () => {}, warn: () => {}, error: () => {} };

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "job-files-"));
  fake = new FakeExecutor();
  cache = new BlobCache({ dir: join(dir, "cache"), maxBytes: () => 1e9, log }, []);
  news = [];
  host = newHost();
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function newHost(maxAloneMs?: number): ExecutionHost {
  mkdirSync(join(dir, "work"), { recursive: true });
  const outbox = new Outbox(join(dir, "outbox"));
  const entries = outbox.load(log);
  const executors = new Map([[fake.jobType, fake]]);
  const parts = {
    workRoot: join(dir, "work"),
    spoolRoom: spoolRoom(join(dir, "spool")),
    onSettled: () => {},
  };
  const made = new ExecutionHost({
    ...parts,
    executors,
    outbox,
    log,
    ...(maxAloneMs === undefined ? {} : { maxAloneMs }),
  });
  made.resume(entries);
  made.attach((one) => news.push(one));
  return made;
}

async function start(
  manifest: Partial<JobManifestInput>,
  inputs: PlacedInput[] = [],
  files: Partial<OrderedFiles> = {},
): Promise<string> {
  const executionId = newId("exe");
  await new InputFetcher({ cache, source }).fetch(executionId, inputs, [], new AbortController().signal);
  const given = {
    inputs,
    env: {},
    secretEnv: {},
    secretFiles: {},
    notes: [],
    cache: cache.dir,
    fetchedBytes: 0,
  };
  host.obey({
    type: "start",
    order: {
      assignment: assignmentOf({ command: "true", ...manifest }, executionId),
      nodeId: newId("node"),
      limits: {},
      gpus: [],
      environment: {},
      files: { ...given, ...files },
    },
  });
  return executionId;
}

/** A job whose files still come. */
function startEarly(inputs: PlacedInput[]): string {
  const executionId = newId("exe");
  const given = { inputs, env: {}, secretEnv: {}, secretFiles: {}, notes: [] };
  const files = { ...given, cache: cache.dir, fetchedBytes: 0, areComing: true };
  const assignment = assignmentOf({ command: "true" }, executionId);
  const nodeId = newId("node");
  host.obey({ type: "start", order: { assignment, nodeId, limits: {}, gpus: [], environment: {}, files } });
  return executionId;
}

function ended(executionId: string) {
  return waitFor("its end", () =>
    news.find((one) => one.type === "ended" && one.executionId === executionId),
  ) as Promise<Extract<News, { type: "ended" }>>;
}

const said = () => news.flatMap((one) => (one.type === "lines" ? linesOf(one).map((line) => line.text) : []));
const secret = (text: string) => Buffer.from(text).toString("base64");

test("the inputs are in the job's directory before its command starts, and the log says it in one line", async () => {
  const input = source.input({ "src/a": "one", "src/empty": null, link: "-> src/a" }, { to: "in" });
  const file = source.input({ "data.csv": "1,2" }, { to: "deep/table.csv", type: "file" });
  const task = await fake.started(await start({}, [input, file]));
  const at = (path: string) => join(task.task.dir, path);
  expect(readFileSync(at("in/src/a"), "utf8")).toBe("one");
  expect(statSync(at("in/src/empty")).isDirectory()).toBe(true);
  expect(readlinkSync(at("in/link"))).toBe("src/a");
  expect(readFileSync(at("deep/table.csv"), "utf8")).toBe("1,2");
  expect(said()).toEqual([expect.stringMatching(/^Placed 2 files \(6 bytes\)(?: in \d+ s)?\.$/)]);
  await task.finish();
});

test("of a job's outputs, a glob takes a part, with or without its directories", async () => {
  const files = { "dist/x/a.js": "a", "dist/b.js": "b", "src/c": "c", "dist/none": null };
  const whole = source.input(files, { glob: "dist/**", to: "w" });
  const part = source.input(files, { glob: "dist/**", base: "dist", to: "p" });
  const task = await fake.started(await start({}, [whole, part]));
  const names = readdirSync(task.task.dir, { recursive: true }).toSorted();
  expect(names).toEqual([
    ...["p", "p/b.js", "p/none", "p/x", "p/x/a.js"],
    ...["w", "w/dist", "w/dist/b.js", "w/dist/none", "w/dist/x", "w/dist/x/a.js"],
  ]);
  await task.finish();
});

test("two inputs that put a file at the same place: the job does not start, and nothing stays", async () => {
  const inputs = [source.input({ "a/b": "1" }), source.input({ "a/b": "2" }, { field: "inputs.1.from" })];
  const id = await start({}, inputs);
  expect((await ended(id)).end).toEqual({
    status: "FAILED",
    reason: "StartFailed",
    message: expect.stringMatching(
      /^inputs\.1\.from: a\/b: .* Two inputs must not put files at the same place\.$/,
    ),
  });
  expect(readdirSync(join(dir, "work"))).toEqual([]);
});

test("a blob that is damaged in the cache is asked for again, and the job starts with what comes", async () => {
  const input = source.input({ a: "one", b: "two" });
  const id = await start({}, [input]);
  // The first job has its files; then the disk damages the cache.
  await (await fake.started(id)).finish();
  for (const name of readdirSync(cache.dir)) {
    if (name.endsWith(".pack")) writeFileSync(join(cache.dir, name), "#".repeat(1_000));
  }
  const second = await start({}, [input]);
  for (let seen = 0; !fake.tasks.has(second); ) {
    const lost = await waitFor("lost or started", () => {
      const found = news.filter((one) => one.type === "lost").slice(seen);
      return found.length > 0 || fake.tasks.has(second) ? found : undefined;
    });
    for (const one of lost) {
      seen++;
      cache.removeBlob(one.sha256);
      await new InputFetcher({ cache, source }).fetch(second, [input], [], new AbortController().signal);
      host.obey({ type: "found", executionId: second });
    }
  }
  const task = await fake.started(second);
  expect(readFileSync(join(task.task.dir, "a"), "utf8")).toBe("one");
  await task.finish();
});

test("files are placed while they come to the cache, and the command starts when all are there", async () => {
  const input = source.input({ a: "one", "d/b": "two", "d/c": "three" });
  const held = Promise.withResolvers<void>();
  source.onRead = (sha256s) =>
    input.tree.parts.some((part) => sha256s.includes(part)) ? undefined : held.promise;
  const fetcher = new InputFetcher({ cache, source });
  const id = startEarly([input]);
  const fetching = fetcher.fetch(id, [input], [], new AbortController().signal);
  await waitFor("the first directory", () => existsSync(join(dir, "work", id)));
  expect(fake.tasks.has(id)).toBe(false);
  held.resolve();
  await fetching;
  source.onRead = () => {};
  const placed = join(dir, "work", id, "d/c");
  await waitFor("the last file", () => existsSync(placed) && readFileSync(placed, "utf8") === "three");
  expect(fake.tasks.has(id)).toBe(false);
  host.obey({ type: "found", executionId: id, fetchedBytes: 11 });
  const task = await fake.started(id);
  expect(said()).toEqual([expect.stringContaining("Placed 3 files (11 bytes)")]);
  expect(said()).toEqual([expect.stringContaining("; 11 bytes came over the network.")]);
  await task.finish();
});

test("files that stop coming: nothing stays of those that were placed; the next agent hears of them", async () => {
  const input = source.input({ a: "one", b: "two" });
  await start({}, [input]);
  cache.removeBlob(sha256Of(new TextEncoder().encode("two")));
  const [fails, cancelled] = [startEarly([input]), startEarly([input])];
  for (const id of [fails, cancelled])
    await waitFor("the first file", () => existsSync(join(dir, "work", id, "a")));
  host.detach();
  host.attach((one) => news.push(one));
  const lost = { type: "lost" as const, sha256: input.tree.sha256 };
  expect(news).toContainEqual({ ...lost, executionId: fails });
  host.obey({ type: "found", executionId: fails, problem: "the disk is full" });
  host.obey({ type: "cancel", executionId: cancelled });
  expect((await ended(fails)).end).toEqual({
    status: "FAILED",
    reason: "StartFailed",
    message: "the disk is full",
  });
  expect((await ended(cancelled)).end).toEqual({ status: "CANCELLED" });
  for (const id of [fails, cancelled]) expect(existsSync(join(dir, "work", id))).toBe(false);
});

test("a job whose files come ends when no agent is there for long, and one whose files are here goes on", async () => {
  host = newHost(1);
  const input = source.input({ a: "never fetched" });
  const [alone, placed] = [startEarly([input]), await start({})];
  const task = await fake.started(placed);
  host.detach();
  await waitFor("its directory is gone", () => !existsSync(join(dir, "work", alone)));
  news = [];
  host.attach((one) => news.push(one));
  const { executions } = news[0] as Extract<News, { type: "hello" }>;
  const held = executions.find((one) => one.executionId === alone);
  expect(held?.ended?.end).toMatchObject({ status: "FAILED", reason: "AgentRestarted" });
  expect(existsSync(join(dir, "work", placed))).toBe(true);
  await task.finish();
});

test("a job whose files are lost for good, or that is cancelled meanwhile, ends and says why", async () => {
  const input = source.input({ a: "one" });
  const id = await start({}, [input]);
  await (await fake.started(id)).finish();
  rmSync(cache.dir, { recursive: true });
  mkdirSync(cache.dir);
  host = newHost();
  const order = (executionId: string) => ({
    type: "start" as const,
    order: {
      assignment: assignmentOf({ command: "true" }, executionId),
      nodeId: newId("node"),
      limits: {},
      gpus: [],
      environment: {},
      files: {
        inputs: [input],
        env: {},
        secretEnv: {},
        secretFiles: {},
        notes: [],
        cache: cache.dir,
        fetchedBytes: 0,
      },
    },
  });
  const [lost, cancelled] = [newId("exe"), newId("exe")];
  host.obey(order(lost));
  host.obey(order(cancelled));
  await waitFor("both wait", () => news.filter((one) => one.type === "lost").length === 2);
  host.obey({ type: "found", executionId: lost, problem: "the server does not have it any more" });
  host.obey({ type: "cancel", executionId: cancelled });
  expect((await ended(lost)).end).toMatchObject({
    reason: "StartFailed",
    message: "the server does not have it any more",
  });
  expect((await ended(cancelled)).end).toEqual({ status: "CANCELLED" });
});

test("secrets are in variables and in files that only the account may read, and the files are empty at the end", async () => {
  const files = {
    secretEnv: { TOKEN: secret("s3cret-value") },
    secretFiles: { "etc/.netrc": secret("machine x") },
  };
  const id = await start({ outputs: ["**"] }, [], files);
  const task = await fake.started(id);
  const path = join(task.task.dir, "etc/.netrc");
  expect(task.task.secrets).toEqual({ TOKEN: "s3cret-value" });
  expect([readFileSync(path, "utf8"), statSync(path).mode & 0o777]).toEqual(["machine x", 0o600]);
  await task.finish();
  const { outputs } = await ended(id);
  expect(statSync(path).size).toBe(0);
  expect(outputs?.exclude).toContain("etc/.netrc");
});

test("a secret file that the job replaced by a link does not empty what the link leads to", async () => {
  const precious = join(dir, "precious");
  writeFileSync(precious, "keep me");
  const id = await start({ outputs: ["**"] }, [], { secretFiles: { k: secret("12345") } });
  const task = await fake.started(id);
  rmSync(join(task.task.dir, "k"));
  symlinkSync(precious, join(task.task.dir, "k"));
  await task.finish();
  await ended(id);
  expect(readFileSync(precious, "utf8")).toBe("keep me");
});

test("secrets are masked in the log, the results and the problems, however the output is cut", async () => {
  const id = await start({}, [], { secretEnv: { TOKEN: secret("s3cret-value") } });
  const task = await fake.started(id);
  for (const character of "a s3cret-value b\n") await task.say("stdout", character);
  await task.say("stderr", "s3cret-va");
  await task.say("stderr", "lue");
  writeFileSync(join(task.task.dir, ".tanvrit-results"), "x=s3cret-value!\ns3cret-value\n");
  await task.finish();
  const { end } = await ended(id);
  expect(said().toSorted()).toEqual(["***", "a *** b"]);
  expect(end.results).toEqual({ x: "***!" });
  expect(JSON.stringify(news)).not.toContain("s3cret");
});

test("a secret that no variable can hold ends the start, naming the variable and not the value", async () => {
  const id = await start({}, [], { secretEnv: { TOKEN: Buffer.from([0x61, 0, 0x62]).toString("base64") } });
  expect((await ended(id)).end.message).toStartWith("secretEnv.TOKEN: the secret is not a text");
});

test("the directory stays until the agent has the outputs, also for the next supervisor, and then goes", async () => {
  const id = await start({ outputs: ["out/**"] });
  const task = await fake.started(id);
  writeFileSync(join(task.task.dir, "a"), "1");
  writeFileSync(join(task.task.dir, ".tanvrit-results"), "key=value\n");
  await task.finish({ exitCode: 3 });
  const { outputs, end } = await ended(id);
  expect(end).toMatchObject({ status: "FAILED", exitCode: 3, results: { key: "value" } });
  expect(outputs).toMatchObject({ globs: ["out/**"], root: task.task.dir, directory: task.task.dir });
  // The supervisor is killed: the next one finds the result and the directory.
  news = [];
  host = newHost();
  expect(news[0]).toMatchObject({
    executions: [{ executionId: id, ended: { outputs: { globs: ["out/**"] } } }],
  });
  expect(existsSync(task.task.dir)).toBe(true);
  host.obey({ type: "forget", executionId: id });
  await waitFor("the directory is gone", () => !existsSync(task.task.dir));
  await waitFor("the result is gone", () => readdirSync(join(dir, "outbox")).length === 0);
});

test("a job that nobody asks about any more leaves nothing", async () => {
  const id = await start({ outputs: ["**"] });
  await fake.started(id);
  host.obey({ type: "kill", executionId: id });
  expect((await ended(id)).outputs).toBeUndefined();
  expect(readdirSync(join(dir, "work"))).toEqual([]);
});
