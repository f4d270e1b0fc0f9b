/**
 * Runs the tests suite by suite, repeats the failures at the end, and closes with a line that counts passed and failed
 * tests:
 *
 *     bun tests/run.ts           everything, three suites side by side
 *     bun tests/run.ts --quick   what `bun run check` runs: a minute or two
 *     bun tests/run.ts e2e api   these suites only
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { reachThisMachineDirectly } from "../cmd/connection/proxy.ts";
import { inTime } from "../shared/wait.ts";
import { buildProgram } from "./support/build-program.ts";
import { type Failure, Failures } from "./support/failures.ts";
import { readCounts, readSkipped, summaryLine } from "./support/junit.ts";
import { SharedStore } from "./support/shared-store.ts";
import { type Suite, suites } from "./support/suites.ts";

const root = join(import.meta.dirname, "..");
const scratch = mkdtempSync(join(tmpdir(), "tanvrit-tests-"));
// Jobs and agents of other accounts run the built binary that is in it.
chmodSync(scratch, 0o755);
/**
 * The limit of each test and hook that sets none. Bun's own five seconds are too short for a server to start on a busy
 * machine. The waits inside a test have tighter limits of their own, with messages that say what was missing.
 */
const TEST_LIMIT_MS = 120_000;
/** How long to wait for the last lines of a suite that has ended. */
const READ_REST_MS = 2000;
/** The suites wait for half of their time, so three at a time keep two cores busy. */
const SIDE_BY_SIDE = 3;
const total = { passed: 0, failed: 0, skipped: 0 };
const leftOut: string[] = [];
const failed: string[] = [];
const took: string[] = [];
let building: Promise<string> | undefined;

reachThisMachineDirectly(process.env);
try {
  const chosen = chosenSuites(process.argv.slice(2));
  // A person who waits for a few suites sees their output as it is printed.
  if (chosen.every((one) => one.quick)) for (const suite of chosen) await runSuite(suite, showLine);
  else await runSideBySide(chosen);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
if (took.length > 1) console.log(`\nseconds: ${took.join(", ")}`);
for (const line of [...failed, ...leftOut]) console.log(line);
console.log(`\n${summaryLine(total)}`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

function chosenSuites(args: string[]): Suite[] {
  if (args.length === 0) return suites;
  if (args[0] === "--quick") return suites.filter((suite) => suite.quick);
  const unknown = args.filter((name) => !suites.some((suite) => suite.name === name));
  if (unknown.length > 0) {
    console.error(
      `No suite called ${unknown.join(", ")}. There are: ${suites.map((s) => s.name).join(", ")}`,
    );
    process.exit(64);
  }
  return suites.filter((suite) => args.includes(suite.name));
}

/** Longest first, so that all lanes end at about the same time. Suites that measure the machine itself run last, one at a time. */
async function runSideBySide(all: readonly Suite[]): Promise<void> {
  const queue = all.filter((suite) => !suite.alone).sort((a, b) => b.usualSeconds - a.usualSeconds);
  const lane = async () => {
    for (let suite = queue.shift(); suite; suite = queue.shift()) {
      const said: string[] = [];
      await runSuite(suite, (line) => said.push(line));
      console.log(said.join("\n"));
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane));
  for (const suite of all.filter((one) => one.alone)) await runSuite(suite, showLine);
}

type Show = (line: string) => void;

function showLine(line: string): void {
  console.log(line);
}

async function runSuite(suite: Suite, show: Show): Promise<void> {
  const missing = suite.missing?.();
  // In CI a missing dependency is a failure: a suite that is quietly left out proves nothing.
  if (missing && process.env.CI !== "true") {
    leftOut.push(`left out: ${suite.name}: ${missing}`);
    return;
  }
  show(`\n# ${suite.name}: ${suite.what}`);
  const report = join(scratch, `${suite.name}.xml`);
  await using shared = suite.onSharedStore ? await SharedStore.start() : undefined;
  const env = { ...shared?.env, ...(suite.onBinary && { TANVRIT_TEST_BINARY: await builtBinary() }) };
  const startMs = performance.now();
  const run = await runTests(suite, report, show, env);
  took.push(`${suite.name} ${Math.round((performance.now() - startMs) / 1_000)}`);
  const xml = readReport(report);
  const counts = readCounts(xml);
  total.passed += counts.passed;
  // A file that fails to load fails the run, but Bun does not count it as a test.
  total.failed += run.status === 0 ? counts.failed : Math.max(counts.failed, 1);
  if (run.status !== 0) failed.push(...closing(suite, run));
  nameSkipped(suite, counts.skipped, readSkipped(xml));
}

/** In CI a skipped test is a failure, like a suite whose needs are missing. */
function nameSkipped(suite: Suite, count: number, names: readonly string[]): void {
  const lines = names.map((name) => `skipped in ${suite.name}: ${name}`);
  if (process.env.CI === "true") {
    total.failed += count;
    failed.push(...lines);
  } else {
    total.skipped += count;
    leftOut.push(...lines);
  }
}

function builtBinary(): Promise<string> {
  building ??= buildProgram(join(scratch, "tanvrit-compute"));
  return building;
}

interface Run {
  /** The exit status of `bun test`; null if a signal ended it. */
  status: number | null;
  signal: NodeJS.Signals | null;
  failures: Failure[];
}

/** Runs the tests of a suite and passes each line of their output to `show` as it arrives. */
async function runTests(
  suite: Suite,
  report: string,
  show: Show,
  env: Record<string, string> = {},
): Promise<Run> {
  const colour = process.stderr.isTTY && !process.env.NO_COLOR ? { FORCE_COLOR: "1" } : {};
  const child = spawn(
    process.execPath,
    ["test", ...suite.paths, `--timeout=${TEST_LIMIT_MS}`, ...reporter(report)],
    {
      cwd: root,
      env: { ...process.env, ...colour, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: suite.timeoutMs,
      killSignal: "SIGKILL",
    },
  );
  const failures = new Failures();
  const printed = createInterface(child.stdout).on("line", show);
  const errors = createInterface(child.stderr).on("line", (line) => {
    failures.take(line);
    show(line);
  });
  const read = Promise.all([once(printed, "close"), once(errors, "close")]);
  const [status, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  // A process that a test left running may hold the pipe open; do not wait for it.
  await inTime(READ_REST_MS, read);
  child.stdout.destroy();
  child.stderr.destroy();
  return { status, signal, failures: failures.found };
}

/** Repeats the failures of a suite for the end of the run, because often only the end of a long run is read. */
function closing(suite: Suite, run: Run): string[] {
  if (run.signal) return [`\nsuite ${suite.name} was stopped by ${run.signal} after its time limit`];
  if (run.failures.length === 0) return [`\nsuite ${suite.name} exited with ${run.status}; see its output`];
  return run.failures.flatMap((failure) => [
    `\nfailed in ${suite.name}: ${failure.file}: ${failure.name}`,
    ...failure.said.map((line) => `  ${line}`),
  ]);
}

function reporter(file: string): string[] {
  return ["--reporter=junit", `--reporter-outfile=${file}`];
}

function readReport(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // No report was written: the run was stopped or found no tests. Its exit status already says that it failed.
    return "";
  }
}
