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
  // What an engine that was killed had mounted for its containers, nobody else takes away.
  const mounts = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  for (const mount of mounts.filter((path) => path.startsWith(dir)).reverse())
    Bun.spawnSync(["umount", "-l", mount]);
  rmSync(dir, { recursive: true, force: true });
});

/** An engine of our own, which may be killed. */
async function startEngine(...more: string[]): Promise<Engine> {
  const places = [
    "--data-root",
    join(dir, "data"),
    "--exec-root",
    join(dir, "exec"),
    "--pidfile",
    join(dir, "pid"),
  ];
  // Its containerd goes with an engine that is killed; where nobody reaps that, it would be taken for one that runs.
  for (const pid of ["pid", "exec/containerd/containerd.pid"]) rmSync(join(dir, pid), { force: true });
  // In a network of its own: two engines in one would take each other's bridge away.
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
  "a job whose engine is killed goes on with it where containers live on, and else is lost, never a failure of its own",
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
      "the job to be attached again",
      () => lives.said.some((line) => line.includes("is made anew")),
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
    // What an agent left that died with the engine is ended as soon as the engine is back, though no job comes.
    await expect(next.executor.recover([newId("exe")])).rejects.toThrow(/cannot be reached/);
    const said: string[] = [];
    const waits = stage.run({ image, command: "true", docker: { network: "none" } }, { said });
    await waitFor("it to wait for the engine", () => said.some((line) => /waits for it/.test(line)));
    await startEngine();
    expect((await within(60_000, "the one that waited", waits)).exit).toEqual({ exitCode: 0 });
    expect(await within(60_000, "the end", dies.task.wait())).toEqual({
      lost: expect.stringContaining("under the job"),
    });
    expect(await stage.containers()).toEqual([]);
    await waitFor("what was left to go", async () => (await next.containers()).length === 0);
    await next.executor.close();
    next[Symbol.dispose]();
    stage[Symbol.dispose]();
  },
);
