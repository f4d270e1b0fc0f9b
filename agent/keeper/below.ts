import { existsSync, readdirSync } from "node:fs";
import { linuxTable, readProc } from "../process/process-table.ts";
import { withDescendants } from "../process/process-tree.ts";

/**
 * Calls `found` for every process below this one, including dead ones that nobody has reaped, the moment it is found: in
 * a storm of processes that live for a millisecond, a table of them is outdated before it is complete. Processes born in
 * the meantime may be missed.
 */
export function eachBelow(pid: number, found: (pid: number) => void): void {
  if (!listsChildren()) {
    for (const child of withDescendants(linuxTable(), new Set([pid]))) if (child !== pid) found(child);
    return;
  }
  const known = new Set([pid]);
  // Iterating over a set includes elements that are added on the way.
  for (const parent of known) {
    for (const child of childrenOf(parent)) {
      if (known.has(child)) continue;
      known.add(child);
      found(child);
    }
  }
}

/** Whether a process with one thread has children. true if the kernel does not list children: there may be some. */
export function hasChildren(pid: number): boolean {
  return readProc(pid, `task/${pid}/children`) !== "" || !listsChildren();
}

/** The kernel lists children by the thread that started them. */
function childrenOf(pid: number): number[] {
  return threadsOf(pid).flatMap((thread) =>
    readProc(pid, `task/${thread}/children`).split(" ").filter(Boolean).map(Number),
  );
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // It is gone, and its children have another parent.
  }
}

let kernelListsChildren: boolean | undefined;

function listsChildren(): boolean {
  // Not every kernel is built with this list.
  kernelListsChildren ??= existsSync(`/proc/${process.pid}/task/${process.pid}/children`);
  return kernelListsChildren;
}
