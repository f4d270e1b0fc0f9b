import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { AgentError, textOf } from "../agent-log.ts";

/** Where a supervisor keeps what must outlive it, and where it is to be reached. */
export interface SupervisorDir {
  lock: string;
  socket: string;
  outbox: string;
  spool: string;
  work: string;
  /** What it has to say goes here: its agent may be gone. */
  logFile: string;
}

/** The shortest limit of the systems we run on (macOS) is 103 bytes. */
const MAX_SOCKET_PATH_BYTES = 100;

export function supervisorDir(root: string): SupervisorDir {
  return {
    lock: join(root, "lock"),
    socket: socketPath(root),
    outbox: join(root, "outbox"),
    spool: join(root, "spool"),
    work: join(root, "work"),
    logFile: join(root, "supervisor.log"),
  };
}

/** Makes what is missing; throws AgentError where it may not. */
export function openSupervisorDir(root: string): SupervisorDir {
  const dirs = supervisorDir(root);
  try {
    for (const dir of [root, dirs.outbox, dirs.spool, dirs.work]) {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
    }
    if (!dirs.socket.startsWith(root)) openSocketDir();
  } catch (error) {
    throw new AgentError(`Cannot make the directory ${root} for the agent's jobs: ${textOf(error)}.`, {
      cause: error,
    });
  }
  return dirs;
}

/** The executions that have a directory from an earlier supervisor. */
export function leftWork(work: string): string[] {
  return namesIn(work);
}

/** Whether anything is left in the directory that somebody must take care of. */
export function hasLeftovers(root: string): boolean {
  const { work, outbox } = supervisorDir(root);
  return namesIn(work).length > 0 || namesIn(outbox).length > 0;
}

export function removeSupervisorDir(root: string): void {
  rmSync(root, { recursive: true, force: true });
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function socketPath(root: string): string {
  const path = join(root, "socket");
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return path;
  const name = createHash("sha256").update(root).digest("hex").slice(0, 24);
  return join(socketDir(), name);
}

function socketDir(): string {
  return process.env.XDG_RUNTIME_DIR
    ? join(process.env.XDG_RUNTIME_DIR, "tanvrit-compute")
    : join(tmpdir(), `tanvrit-compute-${userInfo().uid}`);
}

/** In a directory that everybody may write to, a directory of this name may be somebody else's trap. */
function openSocketDir(): void {
  const dir = socketDir();
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(dir);
  if (process.platform !== "win32" && (uid !== userInfo().uid || (mode & 0o077) !== 0)) {
    throw new AgentError(`${dir} is not this account's alone. Remove it, or set XDG_RUNTIME_DIR.`);
  }
}
