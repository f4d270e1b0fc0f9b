import { data } from "@actions/expressions";
import type { FunctionDefinition } from "@actions/expressions/funcs/info";
import { MAX_TIMER_MS } from "../../../shared/wait.ts";
import type { Annotation, Conclusion, WorkflowStep } from "../../../shared/workflow-run.ts";
import { contextsOf, evaluateCondition } from "../expressions/evaluate.ts";
import { hashFilesFunction } from "../expressions/hash-files.ts";
import type { Scope } from "../expressions/scope.ts";
import { stepStatusFunctions } from "../expressions/status-functions.ts";
import type { JobPlan, JobServices, JobState, NestedSteps, StepHost } from "../job.ts";
import { BackgroundSteps } from "./background-steps.ts";
import { ContextMap, textsOf } from "./context-map.ts";
import { JobProcesses } from "./job-processes.ts";
import { Level } from "./level.ts";
import type { LiveStep } from "./live-step.ts";
import { MachineHost } from "./machine-host.ts";
import { runNested } from "./nested-steps.ts";
import type { MatcherConfig } from "./problem-matcher.ts";

const MINUTE_MS = 60_000;
const DEBUG = "ACTIONS_STEP_DEBUG";
const DEFAULT_TIMEOUT_MS = 360 * MINUTE_MS;
/** Steps with always() or cancelled() have this long after a cancel. */
const CANCEL_MS = 5 * MINUTE_MS;
/** GitHub keeps so many annotations of each level per step. */
const MAX_ANNOTATIONS = 10;
/** GitHub shows so many summaries of steps per job. */
const MAX_SUMMARIES = 20;

/** One job while it runs: what its steps share, and how it is stopped. */
export class JobRun implements JobState {
  readonly env = new Map<string, string>();
  readonly addedPath: string[] = [];
  /** Empty files of commands that later steps can have. */
  readonly spareFiles: string[] = [];
  readonly fixedEnv: Readonly<Record<string, string>>;
  readonly processes = new JobProcesses();
  readonly level: Level;
  /** The `job` context. */
  readonly context = new ContextMap();
  readonly summaries: string[] = [];
  status: "success" | "failure" | "cancelled" = "success";
  host: StepHost;
  /** Somebody set the secret or variable ACTIONS_STEP_DEBUG. */
  readonly isDebug: boolean;
  /** Problem matchers, the last added first. */
  matchers: readonly MatcherConfig[] = [];
  /** The step of the job that runs. */
  running: LiveStep | undefined;
  readonly background = new BackgroundSteps(this);
  private readonly runnerContext: ContextMap;
  private readonly annotationCounts = new Map<string, number>();
  /** Fires when the job is cancelled. */
  private readonly cancelled = new AbortController();
  /** Fires when no step may run any more. */
  private readonly over = new AbortController();
  private steps = 0;
  private failureWasShown = false;

  constructor(
    readonly plan: JobPlan,
    readonly services: JobServices,
  ) {
    this.host = new MachineHost(this.processes);
    this.isDebug = ["secrets", "vars"].some((name) => isTrue(plan.contexts[name], DEBUG));
    this.fixedEnv = this.isDebug ? { ...plan.fixedEnv, RUNNER_DEBUG: "1" } : plan.fixedEnv;
    this.level = new Level(this.functions(), () => this.status);
    this.runnerContext = textsOf(
      Object.entries(this.fixedEnv).flatMap(([name, value]) =>
        name.startsWith("RUNNER_") ? [[name.slice("RUNNER_".length).toLowerCase(), value] as const] : [],
      ),
    );
    this.context.set("status", this.status);
  }

  /** Whether steps run in a container. */
  get isContained(): boolean {
    return !(this.host instanceof MachineHost);
  }

  get cancel(): AbortSignal {
    return this.running?.cancel ?? this.cancelled.signal;
  }

  /** Whether no step may run any more. */
  get isOver(): boolean {
    return this.over.signal.aborted;
  }

  /** Runs `work`, which must end soon when the job is cancelled or has taken too long. */
  async within<T>(cancel: AbortSignal, work: () => Promise<T>): Promise<T> {
    const onCancel = () => this.cancelNow();
    const limitMs = this.plan.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const timer = setTimeout(() => this.timeOut(limitMs), Math.min(limitMs, MAX_TIMER_MS));
    const onHurry = () => this.endNow();
    const { hurry } = this.services;
    cancel.addEventListener("abort", onCancel, { once: true });
    hurry?.addEventListener("abort", onHurry, { once: true });
    if (cancel.aborted) onCancel();
    if (hurry?.aborted) onHurry();
    try {
      return await work();
    } finally {
      clearTimeout(timer);
      clearTimeout(this.lastCall);
      cancel.removeEventListener("abort", onCancel);
      hurry?.removeEventListener("abort", onHurry);
    }
  }

  contexts(): Readonly<Record<string, data.ExpressionData>> {
    return { runner: this.runnerContext, ...this.plan.contexts, job: this.context };
  }

  /** What expressions of the job see between its steps. */
  scope(): Scope {
    const env = textsOf(this.env, { exact: true });
    return {
      contexts: contextsOf({ ...this.contexts(), env, steps: this.level.steps }),
      functions: this.level.functions,
    };
  }

  /** What expressions of steps can call. `nested`: the status of the steps of a composite action. */
  functions(nested?: () => Conclusion): Map<string, FunctionDefinition> {
    const hashFiles = hashFilesFunction(this.plan.directories.workspace);
    return new Map([["hashfiles", hashFiles], ...stepStatusFunctions(() => this.status, nested)]);
  }

  nextNumber(): number {
    return ++this.steps;
  }

  addPath(directory: string): void {
    const at = this.addedPath.indexOf(directory);
    if (at !== -1) this.addedPath.splice(at, 1);
    this.addedPath.unshift(directory);
  }

  addMatchers(added: readonly MatcherConfig[]): void {
    for (const one of added) {
      this.removeMatchers([one.owner]);
      this.matchers = [one, ...this.matchers];
    }
  }

  removeMatchers(owners: readonly string[]): void {
    const gone = new Set(owners.map((owner) => owner.toLowerCase()));
    this.matchers = this.matchers.filter(({ owner }) => !gone.has(owner.toLowerCase()));
  }

  addSummary(markdown: string): void {
    if (this.summaries.length < MAX_SUMMARIES) this.summaries.push(markdown);
  }

  stepEvent(step: Partial<WorkflowStep> & { number: number }): void {
    this.services.report.event({ type: "step", job: this.plan.key, step });
  }

  /** Begins a step that the workflow does not name. Returns its number. */
  begin(name: string, kind: WorkflowStep["kind"]): number {
    const number = this.nextNumber();
    this.stepEvent({ number, name, kind, status: "in_progress", startedAt: new Date().toISOString() });
    return number;
  }

  end(number: number, conclusion: Conclusion): void {
    const completedAt = new Date().toISOString();
    this.stepEvent({ number, status: "completed", conclusion, outcome: conclusion, completedAt });
  }

  /** Keeps an annotation, or only logs it if the step has too many. `step`: the one they are counted for. */
  annotate(annotation: Annotation, step: number): void {
    const key = `${step} ${annotation.level}`;
    const count = (this.annotationCounts.get(key) ?? 0) + 1;
    this.annotationCounts.set(key, count);
    const { report } = this.services;
    if (count <= MAX_ANNOTATIONS) report.annotate(annotation);
    else {
      const word = annotation.level === "failure" ? "error" : annotation.level;
      report.line(`##[${word}]${annotation.message}`, annotation.step);
    }
  }

  setStatus(status: "failure" | "cancelled"): void {
    if (this.status === "cancelled") return;
    this.status = status;
    this.context.set("status", status);
  }

  /** Called when a part of a step is over. */
  async stepEnded(step: LiveStep, conclusion: Conclusion): Promise<void> {
    if (conclusion !== "failure") return;
    if (!step.isNested && !step.plan.background) this.setStatus("failure");
    if (this.failureWasShown || !this.services.onFailure) return;
    this.failureWasShown = true;
    const env = await step.processEnv(this.host);
    await this.services.onFailure({ cwd: this.plan.directories.workspace, env });
  }

  runNested(step: LiveStep, nested: NestedSteps): ReturnType<typeof runNested> {
    return runNested(step, nested);
  }

  private lastCall: NodeJS.Timeout | undefined;

  /** The step that runs must end, unless its condition holds for a cancelled job too. */
  private cancelNow(): void {
    if (this.status === "cancelled") return;
    this.setStatus("cancelled");
    this.cancelled.abort();
    this.lastCall = setTimeout(() => this.endNow(), CANCEL_MS);
    for (const step of this.live()) if (!holds(step)) step.stop("cancel");
  }

  /** Somebody has waited long enough. */
  private endNow(): void {
    this.setStatus("cancelled");
    this.cancelled.abort();
    this.over.abort();
    this.processes.hurry();
    for (const step of this.live()) step.stop("cancel");
  }

  private live(): LiveStep[] {
    return [...(this.running ? [this.running] : []), ...this.background.live()];
  }

  private timeOut(limitMs: number): void {
    const message = `The job has exceeded the maximum execution time of ${limitMs / MINUTE_MS} minutes.`;
    this.services.report.annotate({ level: "failure", message });
    this.cancelNow();
  }
}

function holds(step: LiveStep): boolean {
  try {
    return evaluateCondition(step.plan.part.if, step.scope());
  } catch {
    return false; // It held before; what cannot be evaluated now must not keep the job from ending.
  }
}

function isTrue(context: data.ExpressionData | undefined, name: string): boolean {
  if (context?.kind !== data.Kind.Dictionary) return false;
  return context.get(name)?.coerceString().toLowerCase() === "true";
}
