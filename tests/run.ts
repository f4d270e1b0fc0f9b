/**
 * Runs the tests suite by suite and ends with one line that says how many passed and failed:
 *
 *     bun tests/run.ts           everything
 *     bun tests/run.ts --quick   what `bun run check` runs: seconds
 *     bun tests/run.ts e2e api   the named suites
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCounts, summaryLine } from "./support/junit.ts";
import { SharedStore } from "./support/shared-store.ts";
import { type Suite, suites } from "./support/suites.ts";

const root = join(import.meta.dirname, "..");
const scratch = mkdtempSync(join(tmpdir(), "tanvrit-tests-"));
/**
 * What a test or a hook has that says nothing of its time; Bun's own five seconds are less than a server takes to start
 * on a busy machine. What they wait for has bounds of its own.
 */
const TEST_LIMIT_MS = 60_000;
const total = { passed: 0, failed: 0, skipped: 0 };
const leftOut: string[] = [];

try {
  for (const suite of chosenSuites(process.argv.slice(2))) await runSuite(suite);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
for (const line of leftOut) console.log(line);
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

async function runSuite(suite: Suite): Promise<void> {
  const missing = suite.missing?.();
  // In CI a missing part is a failure: a suite that is quietly left out there proves nothing.
  if (missing && process.env.CI !== "true") {
    leftOut.push(`left out: ${suite.name}: ${missing}`);
    return;
  }
  console.log(`\n# ${suite.name}: ${suite.what}`);
  const report = join(scratch, `${suite.name}.xml`);
  await using shared = suite.onSharedStore ? await SharedStore.start() : undefined;
  const run = spawnSync(
    process.execPath,
    ["test", ...suite.paths, `--timeout=${TEST_LIMIT_MS}`, ...reporter(report)],
    {
      cwd: root,
      env: { ...process.env, ...shared?.env },
      stdio: ["ignore", "inherit", "inherit"],
      timeout: suite.timeoutMs,
      killSignal: "SIGKILL",
    },
  );
  if (run.signal) console.error(`suite ${suite.name} was stopped by ${run.signal} after its time limit`);
  const counts = readCounts(readReport(report));
  total.passed += counts.passed;
  total.skipped += counts.skipped;
  // A file that cannot be loaded fails the run without being counted as a test.
  total.failed += run.status === 0 ? counts.failed : Math.max(counts.failed, 1);
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
