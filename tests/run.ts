/**
 * Runs the tests suite by suite, tells those that failed once more, and ends with one line that says how many passed
 * and failed:
 *
 *     bun tests/run.ts           everything
 *     bun tests/run.ts --quick   what `bun run check` runs: seconds
 *     bun tests/run.ts e2e api   the named suites
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { reachThisMachineDirectly } from "../cmd/connection/proxy.ts";
import { inTime } from "../shared/wait.ts";
import { type Failure, Failures } from "./support/failures.ts";
import { readCounts, summaryLine } from "./support/junit.ts";
import { SharedStore } from "./support/shared-store.ts";
import { type Suite, suites } from "./support/suites.ts";

const root = join(import.meta.dirname, "..");
const scratch = mkdtempSync(join(tmpdir(), "tanvrit-tests-"));
/**
 * The limit of each test and hook that sets none. Bun's own five seconds are too short for a server to start on a busy
 * machine. The waits inside a test have tighter limits of their own, with messages that say what was missing.
 */
const TEST_LIMIT_MS = 120_000;
/** How long the last lines of a suite that has ended are waited for. */
const READ_REST_MS = 2000;
/** Most of what these suites do is to wait for programs, so that two of them are faster together. */
const SIDE_BY_SIDE = 2;
const total = { passed: 0, failed: 0, skipped: 0 };
const leftOut: string[] = [];
const failed: string[] = [];

reachThisMachineDirectly(process.env);
try {
  const chosen = chosenSuites(process.argv.slice(2));
  // What takes seconds comes first, and what it says is seen at once.
  for (const suite of chosen.filter((one) => one.quick)) await runSuite(suite, showAtOnce);
  await runSideBySide(chosen.filter((one) => !one.quick));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
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

/** The longest first; those that measure the machine itself come last, and alone. */
async function runSideBySide(all: readonly Suite[]): Promise<void> {
  const queue = all.filter((suite) => !suite.alone).sort((a, b) => b.timeoutMs - a.timeoutMs);
  const lane = async () => {
    for (let suite = queue.shift(); suite; suite = queue.shift()) {
      const said: string[] = [];
      await runSuite(suite, (line) => said.push(line));
      console.log(said.join("\n"));
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane));
  for (const suite of all.filter((one) => one.alone)) await runSuite(suite, showAtOnce);
}

type Show = (line: string) => void;

function showAtOnce(line: string): void {
  console.log(line);
}

async function runSuite(suite: Suite, show: Show): Promise<void> {
  const missing = suite.missing?.();
  // In CI a missing part is a failure: a suite that is quietly left out there proves nothing.
  if (missing && process.env.CI !== "true") {
    leftOut.push(`left out: ${suite.name}: ${missing}`);
    return;
  }
  show(`\n# ${suite.name}: ${suite.what}`);
  const report = join(scratch, `${suite.name}.xml`);
  await using shared = suite.onSharedStore ? await SharedStore.start() : undefined;
  const run = await runTests(suite, report, show, shared?.env);
  const counts = readCounts(readReport(report));
  total.passed += counts.passed;
  total.skipped += counts.skipped;
  // A file that cannot be loaded fails the run without being counted as a test.
  total.failed += run.status === 0 ? counts.failed : Math.max(counts.failed, 1);
  if (run.status !== 0) failed.push(...closing(suite, run));
}

interface Run {
  /** The exit status of `bun test`; null where a signal ended it. */
  status: number | null;
  signal: NodeJS.Signals | null;
  failures: Failure[];
}

/** Runs the tests of a suite; what they print is handed to `show` as it comes. */
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
  const told = createInterface(child.stderr).on("line", (line) => {
    failures.take(line);
    show(line);
  });
  const read = Promise.all([once(printed, "close"), once(told, "close")]);
  const [status, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  // What a test left running may hold the pipe open, and is not waited for.
  await inTime(READ_REST_MS, read);
  child.stdout.destroy();
  child.stderr.destroy();
  return { status, signal, failures: failures.found };
}

/** What is told at the end of a suite that failed: a long run is often read from its end only. */
function closing(suite: Suite, run: Run): string[] {
  if (run.signal) return [`\nsuite ${suite.name} was stopped by ${run.signal} after its time limit`];
  if (run.failures.length === 0)
    return [`\nsuite ${suite.name} ended with ${run.status}; its output says why`];
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
    // No report was written: the run was stopped or found no test. Its exit status says that it failed.
    return "";
  }
}
