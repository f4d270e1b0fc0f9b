import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LABEL } from "../../agent/executors/docker/container-config.ts";
import { createContainer } from "../../agent/executors/docker/containers.ts";
import { Engine } from "../../agent/executors/docker/engine.ts";
import { newId } from "../../shared/ids.ts";
import { testImage } from "../support/docker.ts";
import { waitFor, within } from "../support/wait.ts";
import { DockerStage } from "./docker-stage.ts";

const dir = mkdtempSync(join(tmpdir(), "tanvrit-engine-"));
const socketPath = join(dir, "docker.sock");
const url = `unix://${socketPath}`;
const environment = { ...process.env, DOCKER_HOST: url };
let daemon: Bun.Subprocess | undefined;

afterAll(async () => {
  daemon?.kill("SIGTERM");
  await daemon?.exited;
  // Nothing else unmounts what a killed engine had mounted for its containers.
  const mounts = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  for (const mount of mounts.filter((path) => path.startsWith(dir)).reverse())
    Bun.spawnSync(["umount", "-l", mount]);
  rmSync(dir, { recursive: true, force: true });
});

/** An engine for this test alone, which may be killed. */
async function startEngine(...more: string[]): Promise<Engine> {
  const places = [
    "--data-root",
    join(dir, "data"),
    "--exec-root",
    join(dir, "exec"),
    "--pidfile",
    join(dir, "pid"),
  ];
  // Its containerd dies with an engine that is killed; unless reaped, it would be taken for one that still runs.
  for (const pid of ["pid", "exec/containerd/containerd.pid"]) rmSync(join(dir, pid), { force: true });
  // In a network of its own: two engines in one network would take each other's bridge away.
  daemon = Bun.spawn(
    [
      "unshare",
      "--net",
      "dockerd",
      "--host",
      url,
      ...places,
      "--iptables=false",
      "--ip6tables=false",
      "--bridge=none",
      ...more,
    ],
    {
      stdout: "ignore",
      stderr: "ignore",
    },
  );
  const engine = new Engine({ url, socketPath });
  const answers = () =>
    engine.facts(1_000).then(
      () => true,
      () => false,
    ); // not yet
  await waitFor("the engine to answer", answers, { timeoutMs: 40_000 });
  return engine;
}

async function killEngine(): Promise<void> {
  daemon?.kill("SIGKILL");
  await daemon?.exited;
}

test.skipIf(process.getuid?.() !== 0 || !Bun.which("dockerd"))(
  "a job whose engine is killed goes on if its container lives on, and otherwise counts as lost, never as failed",
  async () => {
    await startEngine("--live-restore");
    const image = await testImage({}, new Engine({ url, socketPath }));
    const stage = new DockerStage({ environment }, new Engine({ url, socketPath }));
    const lives = await stage.start({
      image,
      command: "echo up; while [ ! -e go ]; do sleep 0.1; done; echo end; exit 3",
      docker: { network: "none" },
    });
    await lives.until("up");
    await killEngine();
    await startEngine("--live-restore");
    await waitFor(
      "the agent to attach to the job again",
      () => lives.said.some((line) => line.includes("is being restored")),
      {
        timeoutMs: 30_000,
        seen: () => lives.said,
      },
    );
    await Bun.write(join(lives.dir, "go"), "");
    expect(await within(30_000, "the end", lives.task.wait())).toEqual({ exitCode: 3 });

    const dies = await stage.start({ image, command: "echo up; sleep 600", docker: { network: "none" } });
    await dies.until("up");
    const next = new DockerStage({ environment }, stage.engine);
    const Labels = { [LABEL.agent]: next.agentId, [LABEL.execution]: newId("exe") };
    await createContainer(stage.engine, "left-behind", { Image: image, Cmd: ["true"], Labels });
    await killEngine();
    // Leftovers of an agent that died with the engine are ended once the engine is back, even if no job comes.
    await expect(next.executor.recover([newId("exe")])).rejects.toThrow(/cannot be reached/);
    const said: string[] = [];
    const waits = stage.run({ image, command: "true", docker: { network: "none" } }, { said });
    await waitFor("the job to wait for the engine", () => said.some((line) => /waits for it/.test(line)));
    await startEngine();
    expect((await within(60_000, "the waiting job", waits)).exit).toEqual({ exitCode: 0 });
    expect(await within(60_000, "the end", dies.task.wait())).toEqual({
      lost: expect.stringContaining("while the job ran"),
    });
    expect(await stage.containers()).toEqual([]);
    await waitFor("the leftovers to be removed", async () => (await next.containers()).length === 0);
    await next.executor.close();
    next[Symbol.dispose]();
    stage[Symbol.dispose]();
  },
);
