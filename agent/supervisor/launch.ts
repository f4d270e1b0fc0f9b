import { closeSync, mkdirSync, openSync } from "node:fs";
import { basename } from "node:path";
import type { Logger } from "../../shared/logger.ts";
import { textOf } from "../../shared/text-of.ts";
import { withGivenUmask } from "../../shared/umask.ts";
import { inTime, pause } from "../../shared/wait.ts";
import { AgentError } from "../process/agent-error.ts";
import { allowedEnvironment } from "../process/environment.ts";
import { lockHolder } from "../state/lock.ts";
import { SupervisorLink } from "./link.ts";
import { supervisorDir } from "./supervisor-dir.ts";

export interface LaunchOptions {
  /** The program and its arguments up to `--dir`. */
  command: readonly string[];
  agentId: string;
  /** The agent's own, of which a supervisor gets what executors need. */
  environment: Readonly<Record<string, string | undefined>>;
  log: Logger;
}

/** Ending what a dead supervisor left may take a while. */
const READY_LIMIT_MS = 60_000;
const ATTEMPTS = 5;
const ATTEMPT_PAUSE_MS = 200;
/** What executors must know of the machine to reach its engine and its session. */
const PASSED_ON = /^(DOCKER_|XDG_|DBUS_SESSION_BUS_ADDRESS$)/;

/** The supervisor that listens in this directory, or a new one. Throws AgentError with what is wrong. */
export async function connectOrLaunch(dir: string, options: LaunchOptions): Promise<SupervisorLink> {
  const { socket, lock, logFile } = supervisorDir(dir);
  let problem = `it ended as soon as it had started; see ${logFile}`;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const existing = await SupervisorLink.connect(socket, options.log);
    if (existing) return existing;
    // The one before may just be leaving: it no longer listens, and still has the lock.
    if (attempt > 0) await pause(ATTEMPT_PAUSE_MS);
    const failure = await launch(dir, options);
    if (failure) problem = failure;
  }
  const pid = lockHolder(lock);
  if (pid !== undefined) throw new AgentError(silent(pid));
  throw new AgentError(`The process that holds this machine's jobs cannot start: ${problem}`);
}

function silent(pid: number): string {
  return `The process that holds this machine's jobs (process ${pid}) does not answer. If it was stopped, kill -CONT ${pid} lets it go on; kill -9 ${pid} ends it, and its jobs with it.`;
}

/** Starts a supervisor that outlives this process, and waits until it can be spoken to; else says why it cannot. */
async function launch(dir: string, options: LaunchOptions): Promise<string | undefined> {
  let logFd: number;
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    logFd = openSync(supervisorDir(dir).logFile, "w", 0o600);
  } catch (error) {
    return `${dir} cannot be written to: ${textOf(error)}.`;
  }
  try {
    const child = spawnSupervisor(dir, logFd, options);
    const said = await firstLine(child.stdout);
    return said === "ready" || said === "" ? undefined : said;
  } catch (error) {
    const { code = textOf(error) } = error as NodeJS.ErrnoException;
    // An upgrade may have removed the file that this process was started from.
    return `${options.command[0]} cannot be run (${code}). If it was replaced, start the agent again.`;
  } finally {
    closeSync(logFd);
  }
}

function spawnSupervisor(dir: string, logFd: number, { command, agentId, environment }: LaunchOptions) {
  const words = [...command, "--dir", dir, "--agent-id", `${agentId}-${basename(dir)}`];
  // Its jobs get the umask from it.
  const child = withGivenUmask(() =>
    Bun.spawn(words, {
      cwd: dir,
      env: supervisorEnvironment(environment),
      stdin: "ignore",
      stdout: "pipe",
      stderr: logFd,
      // A session of its own: no signal meant for the agent's terminal reaches it.
      detached: true,
    }),
  );
  child.unref();
  return child;
}

/** Nothing secret goes along: jobs run under the same account and could read it. */
function supervisorEnvironment(own: LaunchOptions["environment"]): Record<string, string> {
  const env = allowedEnvironment(own);
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined && PASSED_ON.test(name)) env[name] = value;
  }
  return env;
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.getReader();
  const read = async () => {
    let text = "";
    while (!text.includes("\n")) {
      const { done, value } = await reader.read();
      if (done) break;
      text += Buffer.from(value).toString();
    }
    return text;
  };
  const text = (await inTime(READY_LIMIT_MS, read())) ?? "";
  await reader.cancel().catch(() => {}); // The process closed it first.
  return (text.split("\n")[0] ?? "").trim();
}
