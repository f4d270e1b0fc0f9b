import { createHash } from "node:crypto";
import { rm, stat } from "node:fs/promises";
import { relative } from "node:path";
import { textOf } from "../../../shared/text-of.ts";
import { searchFiles } from "../expressions/search-files.ts";
import type { BuiltinAction, BuiltinCall, StepEnd } from "../job.ts";
import { fail, hostPatterns, isTrue, linesOf, say, succeed, warn } from "./builtin-words.ts";
import type { Toolkit } from "./toolkit.ts";

const MAX_KEY_LENGTH = 512;
const MAX_KEYS = 10;
/** A version of how `@actions/cache` packs, so that both read each other's. */
const PACKING = ["gzip", "1.0"];

const common = { path: {}, key: {}, enableCrossOsArchive: { default: "false" }, "upload-chunk-size": {} };
const forRestore = {
  ...common,
  "restore-keys": {},
  "fail-on-cache-miss": { default: "false" },
  "lookup-only": { default: "false" },
};

/** As https://github.com/actions/cache: restores, and saves after the job if it succeeded. */
export function cache(toolkit: Toolkit): BuiltinAction {
  return {
    inputs: { ...forRestore, "save-always": { default: "false" } },
    main: (call) => restore(toolkit, call),
    post: (call) => saveAfterJob(toolkit, call),
  };
}

export function cacheRestore(toolkit: Toolkit): BuiltinAction {
  return { inputs: forRestore, main: (call) => restore(toolkit, call) };
}

export function cacheSave(toolkit: Toolkit): BuiltinAction {
  return { inputs: common, main: (call) => save(toolkit, call, call.inputs.key ?? "") };
}

async function restore({ caches }: Toolkit, call: BuiltinCall): Promise<StepEnd> {
  const { step, inputs } = call;
  const key = inputs.key ?? "";
  const keys = [key, ...linesOf(inputs["restore-keys"])];
  const wrong = problemOf(inputs.path, keys);
  if (wrong !== undefined) return fail(call, wrong);
  step.state.set("key", key);
  step.setOutput("cache-primary-key", key);
  const found = caches.find(keys, versionOf(inputs.path));
  if (!found) {
    if (isTrue(inputs["fail-on-cache-miss"])) {
      return fail(
        call,
        `Failed to restore cache entry. Exiting as fail-on-cache-miss is set. Input key: ${key}`,
      );
    }
    say(call, `Cache not found for input keys: ${keys.join(", ")}`);
    return succeed();
  }
  step.state.set("matched", found.key);
  step.setOutput("cache-matched-key", found.key);
  step.setOutput("cache-hit", String(found.key === key));
  if (isTrue(inputs["lookup-only"])) {
    say(call, `Cache found and can be restored from key: ${found.key}`);
    return succeed();
  }
  const problem = await tar(call, ["-xzf", caches.pathOf(found.id), "-P"]);
  if (problem === undefined) say(call, `Cache restored from key: ${found.key}`);
  else warn(call, `The cache ${found.key} could not be unpacked: ${problem}`);
  return succeed();
}

async function saveAfterJob(toolkit: Toolkit, call: BuiltinCall): Promise<StepEnd> {
  const key = call.step.state.get("key") ?? "";
  if (key === "") return succeed();
  if (call.step.state.get("matched") === key) {
    say(call, `Cache hit occurred on the primary key ${key}, not saving cache.`);
    return succeed();
  }
  return save(toolkit, call, key);
}

/** Caching is a help only: what goes wrong here never fails a job. */
async function save({ caches }: Toolkit, call: BuiltinCall, key: string): Promise<StepEnd> {
  const { step, inputs } = call;
  const wrong = problemOf(inputs.path, [key]);
  if (wrong !== undefined) return fail(call, wrong);
  const { workspace } = step.job.plan.directories;
  const { paths } = await searchFiles(hostPatterns(step, linesOf(inputs.path).join("\n")), workspace, {
    implicitDescendants: false,
  });
  if (paths.length === 0) {
    warn(
      call,
      `Path Validation Error: Path(s) specified in the action for caching do(es) not exist, hence no cache is being saved.`,
    );
    return succeed();
  }
  const id = caches.reserve(key, versionOf(inputs.path));
  if (id === undefined) {
    say(call, `There is already a cache with the key ${key}, or another job is saving it.`);
    return succeed();
  }
  const path = caches.newPath();
  const names = paths.map((found) => relative(workspace, found) || ".");
  const problem = await tar(
    call,
    ["-czf", path, "--posix", "-P", "--null", "-T", "-"],
    `${names.join("\0")}\0`,
  );
  if (problem === undefined) {
    await caches.finish(id, path);
    say(call, `Cache saved with key: ${key}`);
  } else {
    caches.release(id);
    await rm(path, { force: true });
    warn(call, `The cache ${key} could not be saved: ${problem}`);
  }
  return succeed();
}

function problemOf(path: string | undefined, keys: readonly string[]): string | undefined {
  if (linesOf(path).length === 0) return "Input required and not supplied: path";
  if ((keys[0] ?? "") === "") return "Input required and not supplied: key";
  if (keys.length > MAX_KEYS) return `Key Validation Error: Keys are limited to a maximum of ${MAX_KEYS}.`;
  for (const key of keys) {
    if (key.length > MAX_KEY_LENGTH)
      return `Key Validation Error: ${key} cannot be larger than ${MAX_KEY_LENGTH} characters.`;
    if (key.includes(",")) return `Key Validation Error: ${key} cannot contain commas.`;
  }
  return undefined;
}

/** Caches of other paths are other caches, whatever their key. */
function versionOf(path: string | undefined): string {
  return createHash("sha256")
    .update([...linesOf(path), ...PACKING].join("|"))
    .digest("hex");
}

/** Runs tar in the workspace; returns what is wrong, if anything. */
async function tar({ step }: BuiltinCall, args: readonly string[], names = ""): Promise<string | undefined> {
  const { workspace } = step.job.plan.directories;
  const isThere = await stat(workspace).then(
    () => true,
    () => false,
  );
  if (!isThere) return "the workspace is gone.";
  try {
    const child = Bun.spawn(["tar", ...args], {
      cwd: workspace,
      stdin: new Blob([names]),
      stdout: "ignore",
      stderr: "pipe",
      signal: step.cancel,
    });
    const [said, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
    return code === 0 ? undefined : said.trim() || `tar ended with exit code ${code}.`;
  } catch (error) {
    return `tar cannot be started: ${textOf(error)}`;
  }
}
