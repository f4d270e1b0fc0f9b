import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { StartFailedError, type TaskExit } from "../../agent/executors/port/executor.ts";
import type { JobManifestInput } from "../../shared/manifest.ts";
import { testImage } from "../support/docker.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { waitFor, within } from "../support/wait.ts";
import { DockerStage } from "./docker-stage.ts";
import { ALONE } from "./docker-under-test.ts";

const stage = forAllTests(new DockerStage());
const image = await testImage();
afterEach(() => stage.allow({}));

async function refusal(manifest: JobManifestInput): Promise<string> {
  const failure = await stage.start(manifest).catch((error) => error);
  expect(failure).toBeInstanceOf(StartFailedError);
  expect(await stage.containers()).toEqual([]);
  return failure.message;
}

/** A program for a different kind of machine. */
function alienProgram(): Uint8Array {
  const program = readFileSync(process.execPath).subarray(0, 4_096);
  const MACHINE_AT = 18;
  program[MACHINE_AT] = 0xff;
  return program;
}

describe("a container", () => {
  test("runs the image's own command if the job has none, and passes a list to the entrypoint", async () => {
    const made = await testImage({ changes: [`ENTRYPOINT ["echo", "from the image"]`, `CMD ["alone"]`] });
    expect((await stage.run({ image: made })).text.stdout).toBe("from the image alone\n");
    expect((await stage.run({ image: made, command: ["a"] })).text.stdout).toBe("from the image a\n");
    expect((await stage.run({ image: made, command: "echo $0" })).text.stdout).toBe("sh\n");
    const other = { image: made, command: ["a"], docker: { entrypoint: ["echo", "mine"] } };
    expect((await stage.run(other)).text.stdout).toBe("mine a\n");
  });

  test("can write to the job's directory as any user", async () => {
    const ada = await testImage({ changes: ["USER 1000:1000"] });
    const { exit, dir, text } = await stage.run({ image: ada, command: "id -u; pwd; echo hi > file" });
    expect({ exit, out: text.stdout }).toEqual({ exit: { exitCode: 0 }, out: "1000\n/work\n" });
    expect(readFileSync(join(dir, "file"), "utf8")).toBe("hi\n");
    const below = await stage.run({ image: ada, command: "pwd; echo hi > file", workdir: "a/b" });
    expect(below.exit).toEqual({ exitCode: 0 });
    expect(below.text.stdout).toEndWith("/a/b\n");
    const named = await stage.run({ image, command: "id -un", docker: { user: "ada:ada" } });
    expect(named.text.stdout).toBe("ada\n");
  });

  test("has only a few privileges, plus those that it asks for and may have", async () => {
    stage.allow({ capabilities: ["NET_RAW"] });
    const command = "grep -E 'CapEff|NoNewPrivs' /proc/self/status";
    const few = (await stage.run({ image, command })).text.stdout;
    expect(few).toMatch(/NoNewPrivs:\s+1/);
    // CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID and NET_BIND_SERVICE.
    expect(few).toMatch(/CapEff:\s+00000000000004fb/);
    const none = await stage.run({ image, command, docker: { capDrop: ["ALL"] } });
    expect(none.text.stdout).toMatch(/CapEff:\s+0000000000000000/);
    const more = await stage.run({ image, command, docker: { capDrop: ["ALL"], capAdd: ["NET_RAW"] } });
    expect(more.text.stdout).toMatch(/CapEff:\s+0000000000002000/);
  });

  test("sees its mounts, and can write only to those that it asked to write to", async () => {
    const data = join(stage.root, "data");
    const { socketPath } = stage.engine.endpoint;
    if (socketPath === undefined) throw new Error("this test needs an engine on a Unix socket");
    stage.allow({ mounts: [data, dirname(socketPath), dirname(realpathSync(socketPath))] });
    mkdirSync(data);
    writeFileSync(join(data, "in"), "from the node\n");
    const { text, exit } = await stage.run({
      image,
      command:
        "cat /data/in; echo x > /data/out || echo refused; echo y > /scratch/y; echo z > /cache/z; df /scratch | tail -1",
      docker: {
        mounts: [
          { type: "bind", source: data, target: "/data", readOnly: true },
          { type: "tmpfs", target: "/scratch" },
          { type: "volume", target: "/cache" },
        ],
      },
    });
    expect(exit).toEqual({ exitCode: 0 });
    expect(text.stdout).toStartWith("from the node\nrefused\ntmpfs");
    expect(
      await refusal({
        image,
        docker: { mounts: [{ type: "bind", source: socketPath, target: "/s" }] },
      }),
    ).toMatch(/command the engine/);
  });

  test("has no network if it asks for none", async () => {
    const { text } = await stage.run({ image, command: "ls /sys/class/net", docker: { network: "none" } });
    expect(text.stdout).toBe("lo\n");
    const shm = await stage.run({
      image,
      command: "df -m /dev/shm | tail -1 | awk '{print $2}'",
      docker: { shmMb: 80 },
    });
    expect(shm.text.stdout).toBe("80\n");
  });

  test("that cannot be created fails with the engine's words", async () => {
    const never = { image: "no-such-image:1", docker: { pull: "never" as const } };
    expect(await refusal(never)).toMatch(/has no image no-such-image:1, and the job says not to pull/);
    expect(await refusal({ image, command: ["true"], docker: { user: "nobody-here" } })).toMatch(
      /unable to find user nobody-here/,
    );
    expect(await refusal({ image, command: ["true"], docker: { capDrop: ["CHWON"] } })).toMatch(
      /unknown capability.*CHWON/,
    );
    stage.allow({ networks: ["*"], mounts: ["/"] });
    expect(await refusal({ image, command: ["true"], docker: { network: "no-such-net" } })).toMatch(
      /no-such-net.*not found/,
    );
    expect(await refusal({ image, docker: { entrypoint: "/no/entry" } })).toMatch(
      /\/no\/entry.*No such file/,
    );
    const alien = join(stage.root, "alien");
    writeFileSync(alien, alienProgram(), { mode: 0o755 });
    const mounts = ["/alien", "/bin/sh"].map((target) => ({
      type: "bind" as const,
      source: alien,
      target,
    }));
    expect(await refusal({ image, command: ["/alien"], docker: { ...ALONE, mounts } })).toMatch(
      /\/alien failed: Exec format error/,
    );
    expect(
      await refusal({ image, docker: { mounts: [{ type: "bind", source: "/no/where", target: "/m" }] } }),
    ).toMatch(/\/no\/where, which does not exist/);
  });
});

describe("a job in a container", () => {
  test("that exceeds its memory is ended as a whole, with cap and peak, even if its shell would go on", async () => {
    const command = "dd if=/dev/zero of=/dev/null bs=200M count=1; echo survived; sleep 600";
    const startMs = performance.now();
    const { exit, text } = await stage.run({ image, command }, { limits: { memoryMb: 32 } });
    expect(exit).toEqual({
      signal: "SIGKILL",
      exceeded: { limit: "memoryMb", allowed: 32, peak: expect.any(Number) },
    });
    expect(exit.exceeded?.peak).toBeGreaterThanOrEqual(32);
    expect(performance.now() - startMs).toBeLessThan(10_000);
    expect(text.stderr).not.toContain("sleep");
  });

  test("that lost a process for lack of memory has exceeded it, even if its shell exits with success right away", async () => {
    const command = "sleep 0.7; dd if=/dev/zero of=/dev/null bs=200M count=1; exit 0";
    const { exit } = await stage.run({ image, command, docker: ALONE }, { limits: { memoryMb: 32 } });
    expect(exit.exceeded).toMatchObject({ limit: "memoryMb", allowed: 32 });
  });

  test("gets TERM along with its children, as outside a container", async () => {
    const script =
      "sh -c 'trap \"echo child; exit 0\" TERM; echo up; while :; do sleep 0.1; done'; echo parent";
    const { task, text, until } = await stage.start({ image, command: `trap : TERM; ${script}` });
    await until("up");
    task.stop(20_000);
    expect(await task.wait()).toEqual({ exitCode: 0 });
    expect(text.stdout).toBe("up\nchild\nparent\n");
  });

  test("delivers all output, even if the reader has no room for longer than the engine waits after the end", async () => {
    const bytes = 300_000;
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { task, text, executionId } = await stage.start(
      { image, command: ["sh", "-c", `yes 0123456 | head -c ${bytes}`] },
      { write: () => gate },
    );
    // The engine drops what is left in a container's pipes two seconds after its end.
    const removed = async () => !(await stage.containers()).length;
    await waitFor(`the container of ${executionId} to be gone`, removed, { timeoutMs: 20_000 });
    open();
    expect(await task.wait()).toEqual({ exitCode: 0 });
    expect(text.stdout.length).toBe(bytes);
  });

  test("reports its usage", async () => {
    const burn = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 0.6";
    const { task } = await stage.run({ image, command: burn });
    expect(task.usage().cpuSeconds).toBeGreaterThan(0.05);
    expect(task.usage().peakMemoryMb).toBeGreaterThan(0.1);
  });

  test("whose container someone else removes ends as if it was killed; if the engine no longer knows how, the log says why", async () => {
    const { task, said, until } = await stage.start({ image, command: "echo up; sleep 600" });
    await until("up");
    const [id] = await stage.containers();
    await stage.engine.json("DELETE", `/containers/${id}`, { query: { force: true } });
    const exit = await within(20_000, "the end", task.wait());
    const told = ["The container was removed by someone else while the job ran."];
    const outcomes: { exit: TaskExit; said: string[] }[] = [
      { exit: { exitCode: 137 }, said: [] },
      { exit: { signal: "SIGKILL" }, said: told },
    ];
    expect(outcomes).toContainEqual({ exit, said });
  });
});

test("an agent removes its leftovers at its next start, but not what it runs or what belongs to others", async () => {
  const [other, next] = [new DockerStage(), new DockerStage({ agentId: stage.agentId })];
  const mine = await stage.start({ image, command: "sleep 600" });
  const theirs = await other.start({ image, command: "echo up; sleep 600" });
  await stage.executor.recover([]);
  expect(await stage.containers()).toHaveLength(1);
  await next.executor.recover([]);
  expect(await stage.containers()).toEqual([]);
  expect(await other.containers()).toHaveLength(1);
  await mine.task.wait();
  // By the execution's id, whatever agent started it.
  await next.executor.recover([theirs.executionId]);
  expect(await other.containers()).toEqual([]);
  await theirs.task.wait();
  expect(statSync(theirs.dir).isDirectory()).toBe(true);
  for (const one of [other, next]) one[Symbol.dispose]();
});
