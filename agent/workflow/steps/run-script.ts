import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { withGivenUmask } from "../../../shared/umask.ts";
import { evaluateText } from "../expressions/evaluate.ts";
import type { StepEnd } from "../job.ts";
import type { RunDefaults } from "../syntax/model.ts";
import type { JobRun } from "./job-run.ts";
import type { LiveStep } from "./live-step.ts";
import { defaultShell, type Shell, scriptExtension, scriptFor, shellArguments, shellOf } from "./shells.ts";

/** Runs the script of a `run` step. */
export async function runScript(step: LiveStep): Promise<StepEnd> {
  const { job, definition } = step;
  const scope = step.scope();
  const script = evaluateText(definition.run, scope);
  const asked = textOr(step, definition.shell, "shell");
  const shell = asked === "" ? await usualShell(job) : shellOf(asked);
  const program = job.isContained ? shell.command : await findShell(shell.command, job);
  const path = join(job.plan.directories.commands, `${randomUUID()}${scriptExtension(shell.command)}`);
  withGivenUmask(() => writeFileSync(path, scriptFor(shell.command, script)));
  const argv = [program, ...shellArguments(shell.format, job.host.guestPath(path))];
  const end = await step.execute({ argv, cwd: workingDirectory(step) });
  if (end.exitCode !== undefined && end.exitCode !== 0 && !step.cancel.aborted) {
    step.fail(`Process completed with exit code ${end.exitCode}.`);
  }
  return end;
}

/** What the step says, or else the defaults of its job or workflow; those of a job do not reach into composite actions. */
function textOr(step: LiveStep, own: RunDefaults["shell"], name: "shell" | "workingDirectory"): string {
  if (own !== undefined || step.isNested) return evaluateText(own, step.scope());
  const { definition, workflow } = step.job.plan;
  return evaluateText(definition.defaults[name] ?? workflow.defaults[name], step.scope());
}

function workingDirectory(step: LiveStep): string {
  const { job, definition } = step;
  const asked = textOr(step, definition.workingDirectory, "workingDirectory");
  return resolve(job.host.guestPath(job.plan.directories.workspace), asked);
}

/** A container has sh for sure; GitHub does not look for anything else. */
async function usualShell({ host, addedPath, isContained }: JobRun): Promise<Shell> {
  const hasBash = !isContained && (await host.which("bash", addedPath)) !== undefined;
  return defaultShell(host.os, hasBash);
}

async function findShell(command: string, { host, addedPath }: JobRun): Promise<string> {
  const found = await host.which(command, addedPath);
  if (found !== undefined) return found;
  // Machines of GitHub have both names; many others have only one.
  const replacement = command === "python" ? await host.which("python3", addedPath) : undefined;
  if (replacement !== undefined) return replacement;
  throw new Error(`The shell ${command} was not found on this machine. ${whatToDo(command)}`);
}

function whatToDo(command: string): string {
  if (command === "pwsh") return "Install PowerShell on this machine, or use shell: bash.";
  if (command === "powershell" || command === "cmd") {
    return `The shell ${command} is only on Windows: use shell: pwsh or bash, or run the job on a Windows node.`;
  }
  return `Install ${command} on this machine, or name another shell in the step.`;
}
