import { existsSync } from "node:fs";
import { dirname, isAbsolute, resolve } from "node:path";
import { textOf } from "../../../shared/text-of.ts";
import type { Annotation } from "../../../shared/workflow-run.ts";
import { belowWorkspace, CommandRunner } from "./command-runner.ts";
import { numberIn } from "./issue-place.ts";
import type { LiveStep } from "./live-step.ts";
import { type Found, type MatcherConfig, ProblemMatcher } from "./problem-matcher.ts";

const levels: Readonly<Record<string, Annotation["level"]>> = {
  "": "failure",
  error: "failure",
  warning: "warning",
  notice: "notice",
};

/** Reads the output of one process of a step: carries out commands, finds problems, and logs the rest. */
export class StepLog {
  private readonly commands: CommandRunner;
  private configs: readonly MatcherConfig[] = [];
  private matchers: ProblemMatcher[] = [];

  constructor(private readonly step: LiveStep) {
    this.commands = new CommandRunner(step);
  }

  line(text: string): void {
    if ((text.includes("::") || text.includes("##[")) && this.commands.run(text)) return;
    this.step.log(text);
    if (this.step.job.matchers !== this.configs) this.changeMatchers();
    if (this.matchers.length > 0) this.findProblem(Bun.stripANSI(text));
  }

  /** Matchers that stay keep what they found so far. */
  private changeMatchers(): void {
    this.configs = this.step.job.matchers;
    const kept = new Map(this.matchers.map((matcher) => [matcher.config, matcher]));
    this.matchers = this.configs.map((config) => kept.get(config) ?? new ProblemMatcher(config));
  }

  private findProblem(line: string): void {
    for (const matcher of this.matchers) {
      const found = this.tryMatch(matcher, line);
      if (!found) continue;
      for (const other of this.matchers) if (other !== matcher) other.reset();
      const annotation = this.annotationOf(found);
      if (annotation) {
        this.step.annotate(annotation);
        return;
      }
    }
  }

  private tryMatch(matcher: ProblemMatcher, line: string): Found | undefined {
    try {
      return matcher.match(line);
    } catch (error) {
      const { owner } = matcher.config;
      const message = `Removing issue matcher '${owner}'. Error: ${textOf(error)}`;
      this.step.annotate({ level: "warning", message });
      this.step.job.removeMatchers([owner]);
      return undefined;
    }
  }

  private annotationOf(found: Found): Omit<Annotation, "step"> | undefined {
    const { message = "", severity = "" } = found;
    const level = levels[severity.toLowerCase()];
    if (message.trim() === "" || !level) return undefined;
    const file = this.fileOf(found);
    const line = numberIn(found.line);
    const column = numberIn(found.column);
    return {
      level,
      message,
      ...(file !== undefined && { file }),
      ...(line !== undefined && { line }),
      ...(column !== undefined && { column }),
    };
  }

  /** From the workspace; undefined: the file does not exist there. */
  private fileOf({ file = "", fromPath = "" }: Found): string | undefined {
    if (file.trim() === "") return undefined;
    const { workspace } = this.step.job.plan.directories;
    const named = isAbsolute(file) || fromPath.trim() === "" ? file : resolve(dirname(fromPath), file);
    const path = resolve(workspace, this.step.hostPath(named));
    const below = belowWorkspace(path, workspace);
    return isAbsolute(below) || !existsSync(path) ? undefined : below;
  }
}
