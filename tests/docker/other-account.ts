import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findEngine } from "../../agent/executors/docker/endpoint.ts";

const AGENT = join(import.meta.dirname, "agent-of-another-account.ts");
const LIMIT_MS = 90_000;
/** The account for an agent that is not root. */
const UID = 61_234;
const isRoot = process.getuid?.() === 0;

/** Only its group may use the engine's socket, so the account joins that group. */
const { url, socketPath = "" } = findEngine(process.env);
const group = existsSync(socketPath) ? statSync(socketPath).gid : 0;

export interface Seen {
  said: string[];
  left: string[];
  exit: Record<string, unknown>;
  text: string[];
}

/** Agents under an account that is not the engine's, each with its own directory. */
export class OtherAccount {
  readonly uid = isRoot ? UID : (process.getuid?.() ?? 0);
  private readonly root: string;

  constructor(name: string) {
    this.root = mkdtempSync(join(tmpdir(), `tanvrit-${name}-`));
    chmodSync(this.root, 0o755);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  newState(): string {
    return this.own(mkdtempSync(join(this.root, "state-")));
  }

  /** Creates a directory that belongs to the account and that everyone may enter. */
  newDirectory(name: string): string {
    const path = join(this.root, name);
    mkdirSync(path);
    return this.own(path);
  }

  /**
   * Runs a job with such an agent, and returns what the agent finds afterwards and whether it can remove it.
   * @param file the content of its agent.yaml
   */
  async jobOf(image: string, job: object, file: object = {}, state = this.newState()): Promise<Seen> {
    const order = JSON.stringify({ image, ...job });
    const { exitCode, stdout, stderr } = await this.agentIn(state, [order], file);
    if (exitCode !== 0) throw new Error(`the agent failed: ${stderr}`);
    return JSON.parse(stdout);
  }

  agentIn(dir: string, job: string[], file: object = {}) {
    const env = { HOME: dir, TMPDIR: dir, DOCKER_HOST: url, AGENT_FILE: JSON.stringify(file) };
    return this.run([process.execPath, AGENT, dir, ...job], env, [group]);
  }

  /** Runs a command as the account. */
  async run(command: string[], env: Record<string, string> = {}, groups: number[] = []) {
    const own = ["setpriv", `--reuid=${UID}`, `--regid=${UID}`];
    const as = isRoot ? [...own, groups.length > 0 ? `--groups=${groups}` : "--clear-groups"] : [];
    const child = Bun.spawn([...as, ...command], {
      env: { PATH: process.env.PATH ?? "", ...env },
      stdout: "pipe",
      stderr: "pipe",
      timeout: LIMIT_MS,
    });
    const [stdout, stderr] = [
      await new Response(child.stdout).text(),
      await new Response(child.stderr).text(),
    ];
    return { exitCode: await child.exited, signal: child.signalCode, stdout, stderr };
  }

  private own(path: string): string {
    if (isRoot) chownSync(path, UID, UID);
    return path;
  }
}
