import { StringToken } from "@actions/workflow-parser/templates/tokens/string-token";
import type { StepDefinition } from "../syntax/model.ts";
import type { JobRun } from "./job-run.ts";
import type { LiveStep } from "./live-step.ts";
import { isLocal } from "./nested-steps.ts";
import { runScript } from "./run-script.ts";
import { StepInstance, type StepPlan } from "./step-plan.ts";

const PARALLEL = new StringToken(undefined, undefined, "Parallel group", undefined);

/** The parts of all steps of a job: pre parts, then the steps themselves, then post parts in reverse. */
export class StepPlans {
  private readonly pres: StepPlan[] = [];
  private readonly mains: StepPlan[] = [];
  private readonly posts: StepPlan[] = [];

  constructor(private readonly job: JobRun) {}

  /** Fetches all actions but local ones, which exist only when their step is reached. Throws an Error for people. */
  async prepare(): Promise<void> {
    for (const definition of this.job.plan.definition.steps) {
      if (this.job.cancel.aborted) return;
      await this.add(definition);
    }
  }

  inOrder(): readonly StepPlan[] {
    return [...this.pres, ...this.mains];
  }

  /** The post part that is due next; undefined: none is left. */
  takePost(): StepPlan | undefined {
    return this.posts.pop();
  }

  private async add(definition: StepDefinition, isBackground = definition.background): Promise<void> {
    const { level, services } = this.job;
    if (definition.parallel) return this.addParallel(definition, definition.parallel);
    const instance = new StepInstance(definition, definition.id ?? level.makeId(definition.uses));
    const plan = { instance, level, isBackground };
    const main = (run: StepPlan["part"]["run"]) =>
      this.mains.push({ ...plan, kind: "main", part: { if: definition.if, run } });
    if (isControl(definition)) {
      // Such a step runs whatever happened before it.
      this.mains.push({
        instance,
        level,
        kind: "main",
        part: { if: "always()", run: this.control(definition) },
      });
      return;
    }
    if (definition.uses === undefined) {
      main((step) => runScript(step as LiveStep));
      return;
    }
    if (!isLocal(definition)) instance.prepared = await services.actions.prepare(definition, this.job);
    const pre = instance.prepared?.pre;
    if (pre) {
      this.pres.push({
        ...plan,
        kind: "pre",
        part: { if: pre.if, run: (step) => this.withPost(plan, () => pre.run(step)) },
      });
    }
    main(async (step) => {
      instance.prepared ??= await services.actions.prepare(definition, this.job);
      const { main: part } = instance.prepared;
      return this.withPost(plan, () => part.run(step));
    });
  }

  private async addParallel(group: StepDefinition, steps: readonly StepDefinition[]): Promise<void> {
    const first = this.mains.length;
    for (const step of steps) await this.add(step, true);
    const ids = this.mains.slice(first).map(({ instance }) => instance.actionId);
    await this.add({ ...group, name: group.name ?? PARALLEL, parallel: undefined, wait: ids });
  }

  private control(definition: StepDefinition): StepPlan["part"]["run"] {
    const { background } = this.job;
    return (step) =>
      definition.cancel !== undefined
        ? background.stop(step as LiveStep, definition.cancel)
        : background.wait(step as LiveStep, definition.wait);
  }

  /** The post part of an action is due as soon as another part of it begins. */
  private withPost<T>(plan: Pick<StepPlan, "instance" | "level">, run: () => T): T {
    const post = plan.instance.prepared?.post;
    if (post && !plan.instance.hasPost) {
      plan.instance.hasPost = true;
      this.posts.push({ ...plan, kind: "post", part: post });
    }
    return run();
  }
}

/** A step that waits for steps in the background, or stops one. */
function isControl({ wait, waitAll, cancel }: StepDefinition): boolean {
  return wait !== undefined || waitAll === true || cancel !== undefined;
}
