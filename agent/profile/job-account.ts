import { readFileSync } from "node:fs";
import { z } from "zod";
import type { JobAccount } from "../process/account.ts";
import { AgentError } from "../process/agent-error.ts";
import { ChildOutput } from "../process/child-output.ts";

/** An account in agent.yaml, by its name or its number. */
export const runAsAccount = z
  .union([z.string(), z.int().min(0)], { error: "must be the name of an account, or its number" })
  .transform(String)
  .pipe(
    z.string().regex(/^[A-Za-z0-9_.][A-Za-z0-9_.@\\-]{0,254}\$?$/, {
      error: "must be the name of an account, or its number",
    }),
  );

const TOOL_LIMIT_MS = 5_000;
/** The capabilities that it takes to make, hand over, enter, end and remove directories and processes of the account. */
const NEEDED = { CAP_CHOWN: 0, CAP_DAC_OVERRIDE: 1, CAP_KILL: 5, CAP_SETGID: 6, CAP_SETUID: 7 };

/**
 * The account that jobs run as; undefined: the agent's own. Throws AgentError when there is no such account, or when
 * this process may not start processes as another account.
 */
export async function jobAccount(name: string | undefined): Promise<JobAccount | undefined> {
  if (name === undefined) return undefined;
  if (process.platform !== "linux") {
    throw new AgentError(
      `runAs: ${name}: jobs can run as another account only on Linux. Remove runAs from agent.yaml.`,
    );
  }
  const account = await accountNamed(name);
  if (account.uid === process.getuid?.()) return undefined;
  const missing = missingCapabilities();
  if (missing.length === 0) return account;
  throw new AgentError(
    `runAs: ${name}: this agent may not start jobs as another account (it lacks ${missing.join(", ")}). Start it as root, or as ${name} and without runAs.`,
  );
}

/** The warning for an owner whose jobs run as root; undefined: they do not. */
export function rootWarning(
  file: { runAs?: string | undefined },
  uid = process.getuid?.(),
): string | undefined {
  if (uid !== 0 || file.runAs !== undefined) return undefined;
  return "The agent runs as root, and so does every job: anyone who may submit jobs here controls this whole machine. Name an account for jobs in agent.yaml (runAs: USER), or start the agent as another account.";
}

async function accountNamed(name: string): Promise<JobAccount> {
  const unknown = new AgentError(
    `runAs: ${name}: there is no such account on this machine. Create it (useradd --system --create-home ${name}), or correct agent.yaml.`,
  );
  const [uid, gid, groups, own] = await Promise.all(
    [["-u"], ["-g"], ["-G"], ["-un"]].map((option) => answer(["id", ...option, name])),
  );
  if (!uid || !gid || !groups || !own) throw unknown;
  const entry = (await answer(["getent", "passwd", own])) ?? lineOf(own) ?? "";
  const [, , , , , home = "", shell = ""] = entry.split(":");
  return {
    name: own,
    uid: Number(uid),
    gid: Number(gid),
    groups: groups.split(/\s+/).map(Number),
    home: home || "/",
    shell: shell || "/bin/sh",
  };
}

/** For systems without getent, like small images. */
function lineOf(name: string): string | undefined {
  try {
    return readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .find((line) => line.startsWith(`${name}:`));
  } catch {
    return undefined; // This system keeps its accounts elsewhere.
  }
}

/** What a tool of the system says about an account; undefined: there is no such account or no such tool. */
async function answer([tool = "", ...args]: string[]): Promise<string | undefined> {
  const path = Bun.which(tool);
  if (!path) return undefined;
  const child = Bun.spawn([path, ...args], {
    env: { LC_ALL: "C", PATH: process.env.PATH ?? "" },
    stdin: "ignore",
    stderr: "ignore",
    timeout: TOOL_LIMIT_MS,
    killSignal: "SIGKILL",
  });
  const said = new ChildOutput(child.stdout);
  const exitCode = await child.exited;
  await said.rest();
  said.stop();
  return exitCode === 0 ? said.text.trim() : undefined;
}

function missingCapabilities(): string[] {
  const effective = BigInt(
    `0x${/^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? 0}`,
  );
  return Object.entries(NEEDED).flatMap(([name, bit]) => ((effective >> BigInt(bit)) & 1n ? [] : [name]));
}
