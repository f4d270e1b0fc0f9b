import { mkdirSync, rmSync } from "node:fs";
import { data } from "@actions/expressions";
import type { FunctionDefinition } from "@actions/expressions/funcs/info";
import { textOf } from "../../../shared/text-of.ts";
import { MAX_TIMER_MS } from "../../../shared/wait.ts";
import type { Annotation, Conclusion, WorkflowStep } from "../../../shared/workflow-run.ts";
import { contextsOf, evaluateCondition, evaluateTexts, toData } from "../expressions/evaluate.ts";
import { hashFilesFunction } from "../expressions/hash-files.ts";
import type { Scope } from "../expressions/scope.ts";
import { stepStatusFunctions } from "../expressions/status-functions.ts";
import type {
  JobContainers,
  JobOutcome,
  JobPlan,
  JobServices,
  JobState,
  NestedSteps,
  RunJob,
  StepHost,
} from "../job.ts";
import type { StepDefinition } from "../syntax/model.ts";
import { ContextMap, textsOf } from "./context-map.ts";
import { reportEnvironment } from "./environment.ts";
import { JobProcesses } from "./job-processes.ts";
import { Level } from "./level.ts";
import type { LiveStep } from "./live-step.ts";
import { MachineHost } from "./machine-host.ts";
import { isLocal, runNested } from "./nested-steps.ts";
import type { MatcherConfig } from "./problem-matcher.ts";
import { runScript } from "./run-script.ts";
import { runStep } from "./run-step.ts";
import { StepInstance, type StepPlan } from "./step-plan.ts";

const MINUTE_MS = 60_000;
const DEBUG = "ACTIONS_STEP_DEBUG";
const DEFAULT_TIMEOUT_MS = 360 * MINUTE_MS;
/** Steps with always() or cancelled() have this long after a cancel. */
const CANCEL_MS = 5 * MINUTE_MS;
/** GitHub keeps so many annotations of each level per step. */
const MAX_ANNOTATIONS = 10;
/** GitHub shows so many summaries of steps per job. */
const MAX_SUMMARIES = 20;

export const runJob: RunJob = async (plan, services, cancel) => new JobRun(plan, services).run(cancel);

/** One job from its first step to its last. */
export class JobRun implements JobState {
  readonly env = new Map<string, string>();
  readonly addedPath: string[] = [];
  /** Empty files of commands that later steps can have. */
  readonly spareFiles: string[] = [];
  readonly fixedEnv: Readonly<Record<string, string>>;
  status: "success" | "failure" | "cancelled" = "success";
  host: StepHost;
  /** Somebody set the secret or variable ACTIONS_STEP_DEBUG. */
  readonly isDebug: boolean;
  /** Problem matchers, the last added first. */
  matchers: readonly MatcherConfig[] = [];
  /** The step of the job that runs. */
  running: LiveStep | undefined;
  private readonly processes = new JobProcesses();
  private readonly level: Level;
  private readonly jobContext = new ContextMap();
  private readonly runnerContext: ContextMap;
  private readonly posts: StepPlan[] = [];
  private readonly summaries: string[] = [];
  private readonly annotationCounts = new Map<string, number>();
  /** Fires when no step may run any more. */
  private readonly over = new AbortController();
  private containers: JobContainers | undefined;
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
    this.jobContext.set("status", this.status);
  }

  /** Whether steps run in a container. */
  get isContained(): boolean {
    return this.containers?.host !== undefined;
  }

  get cancel(): AbortSignal {
    return this.running?.cancel ?? this.over.signal;
  }

  async run(cancel: AbortSignal): Promise<JobOutcome> {
    const { plan, services } = this;
    for (const value of plan.secretValues) services.report.mask(value);
    const onCancel = () => this.cancelNow();
    const timer = setTimeout(
      () => this.timeOut(),
      Math.min(plan.timeoutMs ?? DEFAULT_TIMEOUT_MS, MAX_TIMER_MS),
    );
    cancel.addEventListener("abort", onCancel, { once: true });
    if (cancel.aborted) onCancel();
    try {
      const steps = await this.setUp();
      if (steps) await this.runAll(steps);
      return await this.complete();
    } finally {
      clearTimeout(timer);
      clearTimeout(this.lastCall);
      cancel.removeEventListener("abort", onCancel);
    }
  }

  contexts(): Readonly<Record<string, data.ExpressionData>> {
    return { runner: this.runnerContext, ...this.plan.contexts, job: this.jobContext };
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

  /** Called when a part of a step is over. */
  async stepEnded(step: LiveStep, conclusion: Conclusion): Promise<void> {
    if (conclusion === "failure" && !step.isNested && this.status === "success") this.setStatus("failure");
    if (conclusion !== "failure" || this.failureWasShown || !this.services.onFailure) return;
    this.failureWasShown = true;
    await this.services.onFailure({ cwd: this.plan.directories.workspace, env: step.env() });
  }

  runNested(step: LiveStep, nested: NestedSteps): ReturnType<typeof runNested> {
    return runNested(step, nested);
  }

  private async setUp(): Promise<StepPlan[] | undefined> {
    const number = this.begin("Set up job", "setup");
    const { directories } = this.plan;
    try {
      rmSync(directories.temp, { recursive: true, force: true });
      for (const directory of [directories.temp, directories.commands, directories.workspace]) {
        mkdirSync(directory, { recursive: true });
      }
      this.evaluateEnv();
      await this.services.actions.setUp(this);
      const steps: StepPlan[] = [];
      for (const definition of this.plan.definition.steps) steps.push(...(await this.plansOf(definition)));
      this.end(number, this.over.signal.aborted ? "cancelled" : "success");
      return steps;
    } catch (error) {
      this.annotate({ level: "failure", message: textOf(error), step: number }, number);
      this.end(number, "failure");
      return undefined;
    }
  }

  /** Pre parts first: they run before the first step. */
  private async plansOf(definition: StepDefinition): Promise<StepPlan[]> {
    const instance = new StepInstance(definition, definition.id ?? this.level.makeId(definition.uses));
    const plan = { instance, level: this.level };
    if (definition.uses === undefined) {
      return [
        { ...plan, kind: "main", part: { if: definition.if, run: (step) => runScript(step as LiveStep) } },
      ];
    }
    if (!isLocal(definition)) {
      instance.prepared = await this.services.actions.prepare(definition, this);
    }
    const main: StepPlan = {
      ...plan,
      kind: "main",
      part: {
        if: definition.if,
        run: async (step) => {
          instance.prepared ??= await this.services.actions.prepare(definition, this);
          this.registerPost(plan);
          return instance.prepared.main.run(step);
        },
      },
    };
    const { pre } = instance.prepared ?? {};
    if (!pre) return [main];
    const run: typeof pre.run = (step) => {
      this.registerPost(plan);
      return pre.run(step);
    };
    return [{ ...plan, kind: "pre", part: { if: pre.if, run } }, main];
  }

  private registerPost(plan: Pick<StepPlan, "instance" | "level">): void {
    const post = plan.instance.prepared?.post;
    if (!post || this.posts.some(({ instance }) => instance === plan.instance)) return;
    this.posts.push({ ...plan, kind: "post", part: post });
  }

  private async runAll(steps: StepPlan[]): Promise<void> {
    await this.startContainers();
    const inOrder = [
      ...steps.filter(({ kind }) => kind === "pre"),
      ...steps.filter(({ kind }) => kind === "main"),
    ];
    for (const step of inOrder) await this.runOne(step);
    for (let post = this.posts.pop(); post; post = this.posts.pop()) await this.runOne(post);
    await this.stopContainers();
  }

  private async runOne(step: StepPlan): Promise<void> {
    if (!this.over.signal.aborted) await runStep(this, step);
  }

  private async startContainers(): Promise<void> {
    const { definition } = this.plan;
    if (definition.container === undefined && definition.services === undefined) return;
    const number = this.begin("Initialize containers", "containers");
    try {
      this.containers = await this.services.containers.start(
        this.plan,
        this.scope(),
        this.services.report,
        this.over.signal,
      );
      if (this.containers?.host) this.host = this.containers.host;
      for (const [name, value] of Object.entries(this.containers?.contexts ?? {})) {
        this.jobContext.set(name, toData(value));
      }
      this.end(number, "success");
    } catch (error) {
      this.annotate({ level: "failure", message: textOf(error), step: number }, number);
      this.setStatus("failure");
      this.end(number, this.status === "cancelled" ? "cancelled" : "failure");
    }
  }

  private async stopContainers(): Promise<void> {
    if (!this.containers) return;
    const number = this.begin("Stop containers", "containers");
    try {
      await this.containers.stop();
      this.end(number, "success");
    } catch (error) {
      this.annotate({ level: "warning", message: textOf(error), step: number }, number);
      this.end(number, "success");
    }
  }

  private async complete(): Promise<JobOutcome> {
    const number = this.begin("Complete job", "complete");
    const outputs = this.outputs(number);
    reportEnvironment(this.plan, this.scope(), this.services.report);
    await this.processes.end();
    this.end(number, "success");
    if (this.summaries.length > 0) {
      const summary = this.summaries.join("\n");
      this.services.report.event({ type: "job", job: { key: this.plan.key, summary } });
    }
    return { conclusion: this.status, outputs };
  }

  private outputs(number: number): Record<string, string> {
    const outputs: Record<string, string> = {};
    try {
      for (const [name, value] of Object.entries(evaluateTexts(this.plan.definition.outputs, this.scope()))) {
        if (value === "") continue;
        if (this.services.report.masked(value) === value) outputs[name] = value;
        else {
          const message = `Skip output '${name}' since it may contain secret.`;
          this.annotate({ level: "warning", message, step: number }, number);
        }
      }
    } catch (error) {
      this.setStatus("failure");
      this.annotate({ level: "failure", message: textOf(error), step: number }, number);
    }
    return outputs;
  }

  /** Variables of `--env`, then of the workflow, then of the job. */
  private evaluateEnv(): void {
    const { givenEnv, workflow, definition } = this.plan;
    for (const [name, value] of Object.entries(givenEnv)) this.env.set(name, value);
    for (const token of [workflow.env, definition.env]) {
      for (const [name, value] of Object.entries(evaluateTexts(token, this.scope())))
        this.env.set(name, value);
    }
  }

  private scope(): Scope {
    const env = textsOf(this.env, { exact: true });
    return {
      contexts: contextsOf({ ...this.contexts(), env, steps: this.level.steps }),
      functions: this.level.functions,
    };
  }

  private setStatus(status: "failure" | "cancelled"): void {
    if (this.status === "cancelled") return;
    this.status = status;
    this.jobContext.set("status", status);
  }

  private lastCall: NodeJS.Timeout | undefined;

  /** The step that runs must end, unless its condition holds for a cancelled job too. */
  private cancelNow(): void {
    if (this.status === "cancelled") return;
    this.setStatus("cancelled");
    const { running } = this;
    this.lastCall = setTimeout(() => this.endNow(), CANCEL_MS);
    if (running && !this.stillHolds(running)) running.stop("cancel");
  }

  private endNow(): void {
    this.over.abort();
    this.running?.stop("cancel");
  }

  private stillHolds(step: LiveStep): boolean {
    try {
      return evaluateCondition(step.plan.part.if, step.scope());
    } catch {
      return false; // It held before; what cannot be evaluated now must not keep the job from ending.
    }
  }

  private timeOut(): void {
    const minutes = (this.plan.timeoutMs ?? DEFAULT_TIMEOUT_MS) / MINUTE_MS;
    const message = `The job has exceeded the maximum execution time of ${minutes} minutes.`;
    this.services.report.annotate({ level: "failure", message });
    this.cancelNow();
  }

  private begin(name: string, kind: WorkflowStep["kind"]): number {
    const number = this.nextNumber();
    this.stepEvent({ number, name, kind, status: "in_progress", startedAt: new Date().toISOString() });
    return number;
  }

  private end(number: number, conclusion: Conclusion): void {
    const completedAt = new Date().toISOString();
    this.stepEvent({ number, status: "completed", conclusion, outcome: conclusion, completedAt });
  }
}

function isTrue(context: data.ExpressionData | undefined, name: string): boolean {
  if (context?.kind !== data.Kind.Dictionary) return false;
  return context.get(name)?.coerceString().toLowerCase() === "true";
}
