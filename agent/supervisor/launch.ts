import { closeSync, mkdirSync, openSync } from "node:fs";
import { basename } from "node:path";
import { codeOf } from "../../shared/code-of.ts";
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
  /** The program and its arguments before `--dir`. */
  command: readonly string[];
  agentId: string;
  /** The agent's own environment. A supervisor gets the part that executors need. */
  environment: Readonly<Record<string, string | undefined>>;
  /** How long to wait for a supervisor that runs but does not listen; a minute if omitted. */
  readyLimitMs?: number;
  log: Logger;
}

/** Long, because a new supervisor first ends what a dead one left. */
const READY_LIMIT_MS = 60_000;
const SAY_AFTER_MS = 2_000;
const LAUNCHES = 5;
const PAUSE_MS = 200;
/** The variables that executors need to reach the machine's container engine and session. */
const PASSED_ON = /^(DOCKER_|XDG_|DBUS_SESSION_BUS_ADDRESS$)/;

/** Connects to the supervisor of this directory, or starts one. Throws AgentError with the reason if it cannot. */
export async function connectOrLaunch(dir: string, options: LaunchOptions): Promise<SupervisorLink> {
  const { socket, lock, logFile } = supervisorDir(dir);
  const { log, readyLimitMs = READY_LIMIT_MS } = options;
  const startedMs = performance.now();
  let problem = `it ended right after it started; see ${logFile}`;
  let hasSaid = false;
  for (let launches = 0; launches < LAUNCHES; ) {
    const existing = await SupervisorLink.connect(socket, log);
    if (existing) return existing;
    const holder = lockHolder(lock);
    if (holder === undefined) {
      if (launches++ > 0) await pause(PAUSE_MS);
      problem = (await launch(dir, options)) ?? problem;
      continue;
    }
    // It does not listen while it ends what a dead one left, nor when it is about to end itself.
    const waitedMs = performance.now() - startedMs;
    if (waitedMs >= readyLimitMs) throw new AgentError(silent(holder));
    if (waitedMs >= SAY_AFTER_MS && !hasSaid) {
      log.info(
        `Waiting for the process that holds this machine's jobs (process ${holder}): it does not listen yet.`,
      );
      hasSaid = true;
    }
    await pause(PAUSE_MS);
  }
  throw new AgentError(`The process that holds this machine's jobs cannot start: ${problem}`);
}

function silent(pid: number): string {
  return `The process that holds this machine's jobs (process ${pid}) does not answer. If it was stopped, kill -CONT ${pid} continues it; kill -9 ${pid} ends it and its jobs.`;
}

/** Starts a supervisor that outlives this process, and waits until it is ready. Returns why it failed; undefined: it did not. */
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
    const code = codeOf(error) ?? textOf(error);
    // An upgrade may have removed the program file of this process.
    return `${options.command[0]} cannot be run (${code}). If it was replaced, start the agent again.`;
  } finally {
    closeSync(logFd);
  }
}

function spawnSupervisor(dir: string, logFd: number, { command, agentId, environment }: LaunchOptions) {
  const words = [...command, "--dir", dir, "--agent-id", `${agentId}-${basename(dir)}`];
  // Its jobs inherit its umask.
  const child = withGivenUmask(() =>
    Bun.spawn(words, {
      cwd: dir,
      env: supervisorEnvironment(environment),
      stdin: "ignore",
      stdout: "pipe",
      stderr: logFd,
      // In a session of its own, it gets no signals of the agent's terminal.
      detached: true,
    }),
  );
  child.unref();
  return child;
}

/** Leaves out everything secret: jobs run under the same account and could read it. */
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
