import { mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { socketPath } from "../../shared/sockets/socket-path.ts";
import { textOf } from "../../shared/text-of.ts";
import { AgentError } from "../process/agent-error.ts";
import { namesIn } from "../state/names-in.ts";
import { isResult } from "../state/outbox.ts";
import { keptIn } from "./kept-directories.ts";

/** The paths at which a supervisor keeps what must outlive it, and at which it can be reached. */
export interface SupervisorDir {
  lock: string;
  socket: string;
  outbox: string;
  spool: string;
  work: string;
  /** Its log, because its agent may be gone. */
  logFile: string;
}

/** The names of the supervisors' directories. Anything else in `root` does not belong to a supervisor. */
export function supervisorNames(root: string): string[] {
  return namesIn(root).filter((name) => statSync(join(root, name), { throwIfNoEntry: false })?.isDirectory());
}

export function supervisorDir(root: string): SupervisorDir {
  return {
    lock: join(root, "lock"),
    socket: socketPath(root, "socket"),
    outbox: join(root, "outbox"),
    spool: join(root, "spool"),
    work: join(root, "work"),
    logFile: join(root, "supervisor.log"),
  };
}

/** Creates what is missing. Throws AgentError if it cannot. */
export function openSupervisorDir(root: string): SupervisorDir {
  const dirs = supervisorDir(root);
  try {
    for (const dir of [root, dirs.outbox, dirs.spool, dirs.work]) {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
    }
  } catch (error) {
    throw new AgentError(`Cannot create the directory ${root} for the agent's jobs: ${textOf(error)}.`, {
      cause: error,
    });
  }
  return dirs;
}

/** The executions whose directories an earlier supervisor left. */
export function leftWork(work: string): string[] {
  return namesIn(work);
}

/** Whether the directory still holds work of jobs or results to deliver. What is kept for somebody does not count. */
export function hasLeftovers(root: string): boolean {
  const { work, outbox } = supervisorDir(root);
  const kept = new Set(keptIn(work));
  return namesIn(work).some((name) => !kept.has(name)) || namesIn(outbox).some(isResult);
}

/** Directories that are kept for somebody stay, and so does what is around them. */
export function removeSupervisorDir(root: string): void {
  if (keptIn(supervisorDir(root).work).length === 0) rmSync(root, { recursive: true, force: true });
}
