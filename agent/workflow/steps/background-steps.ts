import type { Conclusion } from "../../../shared/workflow-run.ts";
import type { StepEnd } from "../job.ts";
import type { JobRun } from "./job-run.ts";
import type { LiveStep } from "./live-step.ts";
import type { StepPlan } from "./step-plan.ts";

/** GitHub's limit; others wait for their turn. */
const MAX_RUNNING = 10;

/** A step that runs beside those that follow it. */
export interface BackgroundStep {
  /** Absent until its turn comes. */
  step?: LiveStep;
  /** What it set: it counts for other steps once they waited for it. */
  readonly effects: (() => void)[];
  conclusion?: Conclusion;
  /** A step of the workflow stopped it. */
  isStopped: boolean;
  /** Another step waited for it, or stopped it. */
  isDone: boolean;
  ended: Promise<void>;
}

export type RunPlan = (plan: StepPlan) => Promise<Conclusion>;

/** The steps of a job that run in the background. */
export class BackgroundSteps {
  private readonly byId = new Map<string, BackgroundStep>();
  private readonly queue: (() => void)[] = [];
  private running = 0;

  constructor(private readonly job: JobRun) {}

  /** Starts the step as soon as fewer than 10 run. Never throws. */
  start(plan: StepPlan, run: RunPlan): void {
    const own: BackgroundStep = { effects: [], isStopped: false, isDone: false, ended: Promise.resolve() };
    const begin = async () => {
      if (own.isStopped || this.job.isOver) own.conclusion = "cancelled";
      else own.conclusion = await run({ ...plan, background: own });
    };
    const turn = this.turn();
    own.ended = (turn ? turn.then(begin) : begin()).finally(() => this.next());
    this.byId.set(plan.instance.actionId.toLowerCase(), own);
  }

  /** Runs a step of `wait`, `wait-all` or a parallel block: it fails if one that it waited for failed. */
  async wait(step: LiveStep, ids: readonly string[] | undefined): Promise<StepEnd> {
    const chosen = ids === undefined ? this.unfinished() : this.chosen(ids);
    const names = chosen.map((one) => one.step?.title() ?? "a step").join(", ") || "(none)";
    step.log(`Waiting for background step(s) to complete: ${names}`);
    await this.finish(chosen);
    for (const one of chosen) step.log(`  ${one.step?.title() ?? "a step"}: ${one.conclusion}`);
    return { outcome: chosen.some(({ conclusion }) => conclusion === "failure") ? "failure" : "success" };
  }

  /** Runs a step of `cancel`. */
  async stop(step: LiveStep, id: string): Promise<StepEnd> {
    const chosen = this.chosen([id]);
    step.log(`Cancelling background step(s): ${chosen.map((one) => one.step?.title() ?? id).join(", ")}`);
    for (const one of chosen) {
      one.isStopped = true;
      if (one.conclusion === undefined) one.step?.stop("cancel");
    }
    await this.finish(chosen);
    return { outcome: "success" };
  }

  /** Waits for all before the post parts of the job run. */
  async drain(): Promise<void> {
    await this.finish(this.unfinished());
    const counted = [...this.byId.values()].filter((one) => !one.isStopped || one.conclusion !== "cancelled");
    if (counted.some(({ conclusion }) => conclusion === "failure")) this.job.setStatus("failure");
  }

  /** The steps that run now. */
  live(): LiveStep[] {
    return [...this.byId.values()].flatMap(({ step, conclusion }) =>
      step && conclusion === undefined ? [step] : [],
    );
  }

  private unfinished(): BackgroundStep[] {
    return [...this.byId.values()].filter(({ isDone }) => !isDone);
  }

  private chosen(ids: readonly string[]): BackgroundStep[] {
    return ids.flatMap((id) => this.byId.get(id.toLowerCase()) ?? []);
  }

  private async finish(chosen: readonly BackgroundStep[]): Promise<void> {
    await Promise.all(chosen.map(({ ended }) => ended));
    for (const one of chosen) {
      one.isDone = true;
      for (const effect of one.effects.splice(0)) effect();
    }
  }

  /** Undefined: the step may start at once. */
  private turn(): Promise<void> | undefined {
    if (this.running >= MAX_RUNNING) return new Promise((resolve) => this.queue.push(resolve));
    this.running++;
    return undefined;
  }

  private next(): void {
    const next = this.queue.shift();
    if (next) next();
    else this.running--;
  }
}
