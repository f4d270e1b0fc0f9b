import { untilAborted } from "../../../shared/wait.ts";
import { linuxTable } from "../../process/process-table.ts";
import { endAll, withDescendants } from "../../process/process-tree.ts";

/** Runs `work`; if the signal fires first, ends every process below this one and does not wait any longer. */
export async function hurried<T>(hurry: AbortSignal, work: () => Promise<T>): Promise<T | "cancelled"> {
  try {
    return (await untilAborted(work(), hurry)) ?? "cancelled";
  } catch (error) {
    if (!hurry.aborted) throw error;
  }
  const own = new Set([process.pid]);
  await endAll((found) => {
    for (const pid of withDescendants(linuxTable(), own)) if (pid !== process.pid) found(pid);
  });
  return "cancelled";
}
