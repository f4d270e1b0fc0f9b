import { inTime, untilAborted } from "../../../shared/wait.ts";
import { linuxTable, readProc, tableByPs } from "../../process/process-table.ts";
import { endAll, killFound, withDescendants } from "../../process/process-tree.ts";

/** Jobs whose processes are dead end in far less. */
const SETTLE_MS = 3_000;

/**
 * Runs `work`; if the signal fires first, ends every process below this one, and those of steps of the run in `directory`
 * that have lost their parent, and waits for the work only for a moment.
 */
export async function hurried<T>(
  hurry: AbortSignal,
  directory: string,
  work: () => Promise<T>,
): Promise<T | "cancelled"> {
  const working = work();
  try {
    return (await untilAborted(working, hurry)) ?? "cancelled";
  } catch (error) {
    if (!hurry.aborted) throw error;
  }
  await endProcesses(directory);
  const settled = working.then(
    () => undefined,
    () => undefined,
  );
  await inTime(SETTLE_MS, settled);
  await endProcesses(directory);
  return "cancelled";
}

async function endProcesses(directory: string): Promise<void> {
  if (process.platform !== "linux") {
    const own = withDescendants(await tableByPs(), new Set([process.pid]));
    killFound((found) => own.filter((pid) => pid !== process.pid).forEach(found));
    return;
  }
  // Every step has this variable, and no step can change it for the next.
  const mark = `\0RUNNER_TEMP=${directory}/`;
  await endAll((found) => {
    const rows = linuxTable();
    const ofSteps = rows.filter(({ pid }) => `\0${readProc(pid, "environ")}`.includes(mark));
    const roots = new Set([process.pid, ...ofSteps.map(({ pid }) => pid)]);
    for (const pid of withDescendants(rows, roots)) if (pid !== process.pid) found(pid);
  });
}
