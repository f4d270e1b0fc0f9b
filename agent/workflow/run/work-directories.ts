import { join } from "node:path";
import { textOf } from "../../../shared/text-of.ts";
import { removeDirectory } from "../../limits/remove-directory.ts";
import type { RunPlan } from "../plan.ts";
import type { Recorder } from "./recorder.ts";

const WORK = "_work";

/** The directory of one job, below that of the run. */
export function workDirectory({ directory }: RunPlan, number: number): string {
  return join(directory, WORK, String(number));
}

/** Removes the directories of all jobs, and the repository if the engine cloned it. */
export async function removeWork(plan: RunPlan, recorder: Recorder): Promise<void> {
  await remove(join(plan.directory, WORK), recorder);
  if (plan.request.clone) await remove(plan.source, recorder);
}

/** A directory that cannot be removed is not the fault of the workflow: a warning says so. */
export async function remove(directory: string, recorder: Recorder): Promise<void> {
  try {
    await removeDirectory(directory);
  } catch (error) {
    const message = `The directory ${directory} cannot be removed: ${textOf(error)}. Remove it by hand.`;
    recorder.event({ type: "annotation", annotation: { level: "warning", message } });
  }
}
