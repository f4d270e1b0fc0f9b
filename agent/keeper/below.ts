import { existsSync, readdirSync } from "node:fs";
import { linuxTable, readProc } from "../process/process-table.ts";
import { withDescendants } from "../process/process-tree.ts";

/**
 * Hands on all there is below a process, also the dead that nobody has reaped, each the moment it is found: in a storm
 * of processes that live for a millisecond, a table of them is old before it is whole. What is born meanwhile may be
 * missed.
 */
export function eachBelow(pid: number, found: (pid: number) => void): void {
  if (!listsChildren()) {
    for (const one of withDescendants(linuxTable(), new Set([pid]))) if (one !== pid) found(one);
    return;
  }
  const known = new Set([pid]);
  // A set goes on with what is added to it meanwhile.
  for (const parent of known) {
    for (const child of childrenOf(parent)) {
      if (known.has(child)) continue;
      known.add(child);
      found(child);
    }
  }
}

/** Whether a process that has one thread has children. Where the kernel does not list them, there may be some. */
export function hasChildren(pid: number): boolean {
  return readProc(pid, `task/${pid}/children`) !== "" || !listsChildren();
}

/** A child is its thread's that started it. */
function childrenOf(pid: number): number[] {
  return threadsOf(pid).flatMap((thread) =>
    readProc(pid, `task/${thread}/children`).split(" ").filter(Boolean).map(Number),
  );
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return []; // It is gone, and its children are somebody else's.
  }
}

let kernelListsChildren: boolean | undefined;

function listsChildren(): boolean {
  // Not every kernel is built with it.
  kernelListsChildren ??= existsSync(`/proc/${process.pid}/task/${process.pid}/children`);
  return kernelListsChildren;
}
