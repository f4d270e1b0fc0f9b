import { afterAll, expect, test } from "bun:test";
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findEngine } from "../../agent/executors/docker/endpoint.ts";
import { hasForeignFiles } from "../../agent/executors/docker/ownership.ts";
import { testImage } from "../support/docker.ts";

const TEST_MS = 90_000;
const UID = 61_234;
const isRoot = process.getuid?.() === 0;
const root = mkdtempSync(join(tmpdir(), "tanvrit-ownership-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** The engine's socket is for its group; the account joins it. */
const { url, socketPath = "" } = findEngine(process.env);
const group = existsSync(socketPath) ? statSync(socketPath).gid : 0;

const AGENT = join(import.meta.dirname, "agent-of-another-account.ts");

/** A place for an agent under another account than the engine's. */
function newState(): string {
  chmodSync(root, 0o755);
  const dir = mkdtempSync(join(root, "state-"));
  if (isRoot) chownSync(dir, UID, UID);
  return dir;
}

/** What such an agent finds after its job, and can remove. */
async function jobOf(image: string, job: object): Promise<{ said: string[]; left: string[]; exit: object }> {
  const { exitCode, stdout, stderr } = await agentIn(newState(), JSON.stringify({ image, ...job }));
  if (exitCode !== 0) throw new Error(`the agent failed: ${stderr}`);
  return JSON.parse(stdout);
}

async function agentIn(dir: string, ...job: string[]) {
  const as = isRoot ? ["setpriv", `--reuid=${UID}`, `--regid=${UID}`, `--groups=${group}`] : [];
  const child = Bun.spawn([...as, process.execPath, AGENT, dir, ...job], {
    env: { PATH: process.env.PATH ?? "", HOME: dir, TMPDIR: dir, DOCKER_HOST: url },
    stdout: "pipe",
    stderr: "pipe",
    timeout: TEST_MS,
  });
  const [stdout, stderr] = [await new Response(child.stdout).text(), await new Response(child.stderr).text()];
  return { exitCode: await child.exited, signal: child.signalCode, stdout, stderr };
}

const command = "mkdir -p a/b; echo x > a/b/c; chmod 700 a/b; ls -ln /work | grep -q ' 0 ' && echo root";

test(
  "what a container wrote as root, an agent that is not root can remove",
  async () => {
    const { said, left, exit } = await jobOf(await testImage(), { command });
    expect({ said, left, exit }).toEqual({ said: [], left: [], exit: { exitCode: 0 } });
  },
  TEST_MS,
);

test(
  "what it wrote before its agent was killed, the next agent can remove",
  async () => {
    const dir = newState();
    const job = { image: await testImage(), command: `${command}; echo die; sleep 600` };
    expect((await agentIn(dir, JSON.stringify(job))).signal).toBe("SIGKILL");
    const { exitCode, stdout, stderr } = await agentIn(dir);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ said: [], left: [] });
  },
  TEST_MS,
);

test("in a directory that is gone nothing has to be taken over", async () => {
  expect(await hasForeignFiles(join(root, "gone"), UID)).toBe(false);
});

test(
  "also where the image has nothing to do it with",
  async () => {
    const { said, left } = await jobOf(await testImage({ bare: true }), { command: "mkdir a; echo x > a/b" });
    expect({ said, left }).toEqual({ said: [], left: [] });
  },
  TEST_MS,
);

test(
  "an agent that is not root gets its jobs neither others' files nor mighty capabilities",
  async () => {
    const mounts = [{ type: "bind", source: "/etc", target: "/m", readOnly: true }];
    const image = await testImage();
    const mount = await jobOf(image, { command: "cat /m/shadow", docker: { mounts } });
    expect(JSON.stringify(mount.exit)).toMatch(/belongs to another account/);
    const mighty = await jobOf(image, { command: "true", docker: { capAdd: ["SYS_ADMIN"] } });
    expect(JSON.stringify(mighty.exit)).toMatch(/may not have the capability SYS_ADMIN/);
  },
  TEST_MS,
);
