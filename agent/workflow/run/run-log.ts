import type { Annotation, Conclusion, WorkflowEvent, WorkflowStep } from "../../../shared/workflow-run.ts";

const signs: Record<Conclusion, string> = { success: "✓", failure: "✗", cancelled: "✗", skipped: "–" };
const levels: Record<Annotation["level"], string> = {
  failure: "error",
  warning: "warning",
  notice: "notice",
};

interface JobLines {
  name: string;
  /** How many groups are open. */
  groups: number;
  steps: Map<number, Partial<WorkflowStep>>;
}

/** The log of a run for people: a line when a step starts and ends, and what it wrote between them. */
export class RunLog {
  namesJobs = false;
  private readonly jobs = new Map<string, JobLines>();

  constructor(private readonly write: (line: string) => void) {}

  /** A line that a step wrote, or the engine about a job. */
  line(text: string, key?: string): void {
    const job = this.jobOf(key);
    const command = /^##\[([a-z]+)\](.*)$/.exec(text);
    const [, name, rest = ""] = command ?? [];
    if (name === undefined) {
      this.put(key, text);
    } else if (name === "endgroup") {
      job.groups = Math.max(0, job.groups - 1);
    } else if (name === "group") {
      this.put(key, `▾ ${rest}`);
      job.groups++;
    } else if (name === "command" || name === "section") this.put(key, rest);
    else this.put(key, `${name}: ${rest}`);
  }

  event(event: WorkflowEvent): void {
    if (event.type === "step") this.step(event.job, event.step);
    else if (event.type === "job") this.job(event.job);
    else if (event.type === "annotation") this.annotation(event.job, event.annotation);
  }

  private step(key: string, change: Partial<WorkflowStep> & { number: number }): void {
    const job = this.jobOf(key);
    const before = job.steps.get(change.number);
    const step = { ...before, ...change };
    job.steps.set(change.number, step);
    const name = step.name ?? "";
    const indent = step.parent === undefined ? "" : "  ";
    if (change.status === "in_progress" && before?.status !== "in_progress") {
      this.put(key, `${indent}▸ ${name}`);
    }
    if (change.status !== "completed" || before?.status === "completed") return;
    job.groups = 0;
    const end = step.conclusion ?? "success";
    const why = end === "cancelled" ? "  cancelled" : "";
    const ignored = step.outcome === "failure" && end === "success" ? "  failed, and the job goes on" : "";
    const time = end === "skipped" ? "" : `  ${seconds(step)}`;
    this.put(key, `${indent}${signs[end]} ${name}${time}${why}${ignored}`);
    job.steps.delete(change.number);
  }

  private job(change: Extract<WorkflowEvent, { type: "job" }>["job"]): void {
    const job = this.jobOf(change.key);
    if (change.name !== undefined) job.name = change.name;
    if (change.status !== "completed") return;
    const end = change.conclusion ?? "success";
    if (change.message !== undefined)
      this.put(change.key, `${signs[end]} ${job.name || change.key}: ${change.message}`);
    else if (end === "skipped") this.put(change.key, `${signs.skipped} ${job.name || change.key}  skipped`);
    this.jobs.delete(change.key);
  }

  private annotation(
    key: string | undefined,
    { level, title, message, file, line, column }: Annotation,
  ): void {
    const place =
      file === undefined ? "" : `  ${[file, line, column].filter((part) => part !== undefined).join(":")}`;
    const what = title === undefined ? message : `${title}: ${message}`;
    this.put(key, `${levels[level]}: ${what}${place}`);
  }

  private put(key: string | undefined, text: string): void {
    const indent = "  ".repeat(this.jobOf(key).groups);
    const prefix = key !== undefined && this.namesJobs ? `[${key}] ` : "";
    for (const line of text.split("\n")) this.write(`${prefix}${indent}${line}`);
  }

  private jobOf(key = ""): JobLines {
    let job = this.jobs.get(key);
    if (!job) {
      job = { name: "", groups: 0, steps: new Map() };
      this.jobs.set(key, job);
    }
    return job;
  }
}

function seconds({ startedAt, completedAt }: Partial<WorkflowStep>): string {
  const ms = startedAt && completedAt ? Date.parse(completedAt) - Date.parse(startedAt) : 0;
  return `${(Math.max(0, ms) / 1_000).toFixed(1)} s`;
}
