import { untilAborted } from "../../../shared/wait.ts";
import { linuxTable, readProc } from "../../process/process-table.ts";
import { endAll, withDescendants } from "../../process/process-tree.ts";

/**
 * Runs `work`; if the signal fires first, ends every process below this one, and those of steps of the run in `directory`
 * that have lost their parent, and does not wait any longer.
 */
export async function hurried<T>(
  hurry: AbortSignal,
  directory: string,
  work: () => Promise<T>,
): Promise<T | "cancelled"> {
  try {
    return (await untilAborted(work(), hurry)) ?? "cancelled";
  } catch (error) {
    if (!hurry.aborted) throw error;
  }
  // Every step has this variable, and no step can change it for the next.
  const mark = `\0RUNNER_TEMP=${directory}/`;
  await endAll((found) => {
    const rows = linuxTable();
    const ofSteps = rows.filter(({ pid }) => `\0${readProc(pid, "environ")}`.includes(mark));
    const roots = new Set([process.pid, ...ofSteps.map(({ pid }) => pid)]);
    for (const pid of withDescendants(rows, roots)) if (pid !== process.pid) found(pid);
  });
  return "cancelled";
}
