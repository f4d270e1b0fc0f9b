import { cpSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { parseYaml } from "../../../shared/config/yaml.ts";
import {
  conclusion,
  type WorkflowJob,
  type WorkflowRun,
  type WorkflowStep,
} from "../../../shared/workflow-run.ts";

const texts = z.record(z.string(), z.string());

const expectedJob = z.strictObject({
  conclusion: conclusion.optional(),
  name: z.string().optional(),
  outputs: texts.optional(),
  /** Every step in its order, as `NAME: CONCLUSION`; steps of composite actions begin with two spaces. */
  steps: z.array(z.string()).optional(),
  /** Each is contained in one annotation, as `LEVEL: TEXT`; all annotations are listed. */
  annotations: z.array(z.string()).optional(),
  /** Parts of the summary. */
  summary: z.array(z.string()).optional(),
  /** A part of why the job did not run. */
  message: z.string().optional(),
  continueOnError: z.boolean().optional(),
});

/** What must come of one run. What it does not name may be anything. */
const runFields = {
  conclusion: conclusion.optional(),
  name: z.string().optional(),
  /** By key; all jobs are listed. A job may be its conclusion alone. */
  jobs: z.record(z.string(), z.union([conclusion, expectedJob])).optional(),
  /** Like those of a job: what concerns no job. */
  annotations: z.array(z.string()).optional(),
  /** Parts of the log. */
  log: z.array(z.string()).default([]),
  notLog: z.array(z.string()).default([]),
};
const expectedRun = z.strictObject(runFields);

/** `expect.yaml`: how a workflow is run, and what must come of it. */
const expectation = z.strictObject({
  ...runFields,
  /** Absent: the only file in `.github/workflows`, or with `runs` that directory. */
  workflow: z.string().optional(),
  /** For a directory of workflows: by the name of the file. Without a conclusion, it is success. */
  runs: z.record(z.string(), expectedRun).optional(),
  /** What must stand nowhere in the output. */
  hidden: z.array(z.string()).default([]),
  /** Arguments of `workflow run` after the path. `{repo}` is the directory of the case. */
  args: z.array(z.string()).default([]),
  /** Variables of the command. */
  env: texts.default({}),
  /** Runs in the repository before the workflow, with `sh -e`. */
  setup: z.string().optional(),
  /** What the machine must have, or the case is skipped. */
  needs: z.enum(["docker", "node", "git", "python3", "pwsh", "network"]).optional(),
  /** Where it runs; absent: everywhere. */
  only: z.enum(["here", "nodes"]).optional(),
  exit: z.int().optional(),
  /** Parts of standard error. */
  stderr: z.array(z.string()).default([]),
});
export type Expectation = z.infer<typeof expectation>;
type ExpectedRun = z.infer<typeof expectedRun>;

/** A repository with a workflow, and what must come of it. */
export interface WorkflowCase {
  name: string;
  directory: string;
  expected: Expectation;
}

const EXPECT_FILE = "expect.yaml";

/** The cases in the directories of a directory, by name. */
export function casesIn(directory: string): WorkflowCase[] {
  const names = readdirSync(directory, { withFileTypes: true }).filter((one) => one.isDirectory());
  return names
    .map(({ name }) => name)
    .sort()
    .map((name) => ({
      name,
      directory: join(directory, name),
      expected: readExpectation(join(directory, name)),
    }));
}

function readExpectation(directory: string): Expectation {
  const path = join(directory, EXPECT_FILE);
  return parseYaml(readFileSync(path, "utf8"), path, expectation);
}

/** Copies the repository of a case into a directory, and returns the path of its workflow. */
export function placeCase({ directory: from, expected }: WorkflowCase, into: string): string {
  cpSync(from, into, { recursive: true });
  rmSync(join(into, EXPECT_FILE));
  const { workflow, setup, env, runs } = expected;
  if (setup !== undefined) {
    const { success, stderr } = Bun.spawnSync(["sh", "-ec", setup], {
      cwd: into,
      env: { ...process.env, ...env },
    });
    if (!success) throw new Error(`the setup failed: ${stderr}`);
  }
  if (workflow !== undefined) return join(into, workflow);
  const directory = join(into, ".github/workflows");
  if (runs) return directory;
  const workflows = readdirSync(directory);
  if (workflows.length !== 1) throw new Error("expect.yaml must name one of several workflows");
  return join(directory, workflows[0] ?? "");
}

/** What a command printed with `--json`. */
export interface Printed {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** What differs from what is expected, in lines for people; empty if nothing does. */
export function differences(expected: Expectation, { exitCode, stdout, stderr }: Printed): string[] {
  const seen = runsIn(stdout);
  const { runs, exit, hidden } = expected;
  const found = [
    ...(runs && exit === undefined ? [] : unequal("exit code", exit ?? 0, exitCode)),
    ...missing("standard error", stderr, expected.stderr),
    ...hidden.filter((text) => stdout.includes(text)).map((text) => `the output has ${JSON.stringify(text)}`),
    ...(runs ? differencesOfRuns(runs, seen) : runDifferences(expected, seen[0])),
  ];
  return found.length === 0 ? [] : [...found, "", "standard error:", stderr];
}

/** One run as it was printed: its log, and its state at the end if it came so far. */
interface SeenRun {
  log: string[];
  run?: WorkflowRun;
}

/** Runs on nodes are printed at once, each line with its job; those of one process one after the other. */
function runsIn(stdout: string): SeenRun[] {
  const runs = new Map<unknown, SeenRun>();
  let ended = 0;
  for (const line of stdout.split("\n").filter((one) => one !== "")) {
    const { type, text, run, jobId = ended } = parsed(line);
    const seen = runs.get(jobId) ?? { log: [] };
    runs.set(jobId, seen);
    if (type === "log") seen.log.push(String(text));
    if (type === "end") seen.run = run as WorkflowRun;
    if (type === "end") ended++;
  }
  return [...runs.values()];
}

function differencesOfRuns(
  expected: Readonly<Record<string, ExpectedRun>>,
  seen: readonly SeenRun[],
): string[] {
  const left = new Map(seen.map((one) => [one.run?.path.split("/").at(-1), one]));
  const found = Object.entries(expected).flatMap(([file, of]) => {
    const one = left.get(file);
    left.delete(file);
    return runDifferences({ conclusion: "success", ...of }, one).map((text) => `${file}: ${text}`);
  });
  return [...found, ...[...left.keys()].map((file) => `${file} was not expected to run`)];
}

function parsed(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line);
  } catch {
    return { type: "log", text: `(not JSON) ${line}` };
  }
}

function missing(where: string, text: string, parts: readonly string[]): string[] {
  return parts.filter((part) => !text.includes(part)).map((part) => `${where} lacks ${JSON.stringify(part)}`);
}

function runDifferences(expected: ExpectedRun, seen: SeenRun | undefined): string[] {
  const log = seen?.log.join("\n") ?? "";
  const found = [
    ...missing("the log", log, expected.log),
    ...expected.notLog
      .filter((text) => log.includes(text))
      .map((text) => `the log has ${JSON.stringify(text)}`),
    ...treeDifferences(expected, seen?.run),
  ];
  return found.length === 0 ? [] : [...found, "", "the log:", log, "", "the run:", shown(seen?.run)];
}

function treeDifferences(expected: ExpectedRun, run: WorkflowRun | undefined): string[] {
  const { conclusion: end, name, jobs, annotations } = expected;
  if (end === undefined && name === undefined && jobs === undefined && annotations === undefined) return [];
  if (!run) return ["no run was printed"];
  const found = [
    ...unequal("conclusion", end, run.conclusion),
    ...unequal("name", name, run.name),
    ...annotationDifferences("run", annotations, run.annotations),
  ];
  if (!jobs) return found;
  found.push(...unequal("jobs", Object.keys(jobs).sort(), run.jobs.map(({ key }) => key).sort()));
  for (const [key, job] of Object.entries(jobs)) {
    const seen = run.jobs.find((one) => one.key === key);
    if (seen) found.push(...jobDifferences(key, typeof job === "string" ? { conclusion: job } : job, seen));
  }
  return found;
}

function jobDifferences(key: string, expected: z.infer<typeof expectedJob>, seen: WorkflowJob): string[] {
  return [
    ...unequal(`${key}: conclusion`, expected.conclusion, seen.conclusion),
    ...unequal(`${key}: name`, expected.name, seen.name),
    ...unequal(`${key}: continueOnError`, expected.continueOnError, seen.continueOnError ?? false),
    ...unequal(`${key}: outputs`, expected.outputs, seen.outputs ?? {}),
    ...unequal(`${key}: steps`, expected.steps, seen.steps.map(stepText)),
    ...annotationDifferences(key, expected.annotations, seen.annotations),
    ...missing(`${key}: the summary`, seen.summary ?? "", expected.summary ?? []),
    ...missing(
      `${key}: the message`,
      seen.message ?? "",
      expected.message === undefined ? [] : [expected.message],
    ),
  ];
}

function stepText({ name, conclusion: end, parent }: WorkflowStep): string {
  return `${parent === undefined ? "" : "  "}${name}: ${end ?? "none"}`;
}

function annotationDifferences(
  where: string,
  expected: readonly string[] | undefined,
  seen: WorkflowRun["annotations"],
): string[] {
  if (!expected) return [];
  const left = seen.map(({ level, message, title, file, line }) => {
    const place =
      file === undefined ? "" : `  ${[file, line].filter((part) => part !== undefined).join(":")}`;
    return `${level}: ${title === undefined ? "" : `${title}: `}${message}${place}`;
  });
  const absent = expected.filter((text) => {
    const at = left.findIndex((one) => one.includes(text));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  return [
    ...absent.map((text) => `${where}: no annotation has ${JSON.stringify(text)}`),
    ...left.map((text) => `${where}: the annotation ${JSON.stringify(text)} was not expected`),
  ];
}

function unequal(what: string, expected: unknown, seen: unknown): string[] {
  if (expected === undefined || Bun.deepEquals(expected, seen)) return [];
  return [`${what}:`, `  expected ${JSON.stringify(expected)}`, `  seen     ${JSON.stringify(seen)}`];
}

function shown(run: WorkflowRun | undefined): string {
  if (!run) return "none";
  const jobs = run.jobs.flatMap((job) => [
    `  ${job.key}: ${job.conclusion}${job.message === undefined ? "" : ` (${job.message})`}`,
    ...job.steps.map((step) => `    ${stepText(step)}`),
    ...job.annotations.map(({ level, message }) => `    ${level}: ${message}`),
  ]);
  return [`  ${run.name}: ${run.conclusion}`, ...jobs].join("\n");
}
