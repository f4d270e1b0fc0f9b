import { describe, expect, test } from "bun:test";
import { newId } from "../../../shared/ids.ts";
import { type JobManifestInput, jobManifest } from "../../../shared/manifest.ts";
import type { Task } from "../port/executor.ts";
import { type ContainerPlan, containerBody } from "./container-config.ts";

const plan: ContainerPlan = {
  agentId: "agent-1",
  facts: {
    name: "Docker 27.0",
    isPodman: false,
    rootless: false,
    ownUsers: false,
    cgroupVersion: "2",
    osType: "linux",
    cpus: 8,
    memoryLimit: true,
    cpuLimit: true,
    pidsLimit: true,
    nvidia: true,
  },
  mounts: [],
  image: { workdir: undefined, user: undefined, stopSignal: undefined },
  user: undefined,
  gpuGroups: ["44"],
};

function task(manifest: JobManifestInput, more: Partial<Task> = {}): Task {
  return {
    assignment: {
      executionId: "exe_1" as Task["assignment"]["executionId"],
      jobId: newId("job"),
      attempt: 2,
      manifest: jobManifest.parse({ type: "DOCKER", image: "alpine", ...manifest }),
      resources: { cpu: 0, memoryMb: 0, gpuCount: 0 },
      gpuIndexes: [],
      leaseExpiresAt: "2026-01-01T00:00:00.000Z",
    },
    nodeId: "node-1",
    dir: "/state/work/exe_1",
    output: { write: () => undefined, system: () => {} },
    limits: {},
    gpus: [],
    environment: { PATH: "/host/bin", HOME: "/home/agent", SECRET: "x" },
    ...more,
  };
}

interface Body {
  Cmd?: string[];
  Entrypoint?: string[];
  Env: string[];
  WorkingDir: string;
  Labels: Record<string, string>;
  HostConfig: Record<string, unknown>;
}
const bodyOf = (manifest: JobManifestInput, more: Partial<Task> = {}, how: Partial<ContainerPlan> = {}) =>
  containerBody(task(manifest, more), { ...plan, ...how }) as unknown as Body;

describe("what a container runs", () => {
  const words = ({ Entrypoint, Cmd }: Body) => ({ Entrypoint, Cmd });

  test("a list goes to the image's entrypoint, a text to sh, and without a command the image decides", () => {
    expect(words(bodyOf({ command: ["a", "b"] }))).toEqual({ Entrypoint: undefined, Cmd: ["a", "b"] });
    expect(words(bodyOf({ command: "a | b" }))).toEqual({ Entrypoint: ["sh", "-c"], Cmd: ["a | b"] });
    expect(words(bodyOf({}))).toEqual({ Entrypoint: undefined, Cmd: undefined });
  });

  test("the job's own entrypoint replaces the image's", () => {
    const run = (entrypoint: string | string[], command: string | string[]) =>
      words(bodyOf({ command, docker: { entrypoint } }));
    expect(run("python", ["-V"])).toEqual({ Entrypoint: ["python"], Cmd: ["-V"] });
    expect(run(["nice", "-n", "5"], "a | b")).toEqual({
      Entrypoint: ["nice", "-n", "5"],
      Cmd: ["sh", "-c", "a | b"],
    });
    expect(run("", ["a"]).Entrypoint).toEqual([""]);
    expect(run([], ["a"]).Entrypoint).toEqual([""]);
  });

  test("starts in workdir, else in the image's directory, else in the execution's own directory", () => {
    expect(bodyOf({}).WorkingDir).toBe("/work");
    expect(bodyOf({ workdir: "sub/dir" }).WorkingDir).toEndWith("work/sub/dir");
    expect(bodyOf({ workdir: "/srv" }).WorkingDir).toBe("/srv");
    const image = { workdir: "/app", stopSignal: undefined, user: undefined };
    expect(bodyOf({}, {}, { image })).not.toHaveProperty("WorkingDir");
    expect(bodyOf({ workdir: "." }, {}, { image }).WorkingDir).toBe("/work");
    expect(bodyOf({}).HostConfig.Binds).toEqual(["/state/work/exe_1:/work:rw,Z"]);
    const odd = bodyOf({}, { dir: "/a:b" }).HostConfig;
    expect(odd.Binds).toBeUndefined();
    expect(odd.Mounts).toEqual([{ Type: "bind", Source: "/a:b", Target: "/work", ReadOnly: false }]);
  });

  test("gets its own variables and ids, and nothing from the node's environment", () => {
    const names = bodyOf({ name: "n", env: { EPOCHS: "3", TANVRIT_ATTEMPT: "9" } }).Env;
    expect(names).toContain("EPOCHS=3");
    expect(names).toContain("TANVRIT_ATTEMPT=2");
    expect(names.join("\n")).not.toMatch(/host|agent|SECRET/);
  });
});

describe("what a container may do", () => {
  test("it gets the job's limits, without swap in addition", () => {
    const { HostConfig } = bodyOf(
      { docker: { pids: 50 } },
      { limits: { cpu: 1.5, memoryMb: 512, pids: 100 } },
    );
    expect(HostConfig).toMatchObject({
      NanoCpus: 1.5e9,
      Memory: 512 * 1024 * 1024,
      MemorySwap: 512 * 1024 * 1024,
      PidsLimit: 50,
    });
    expect(bodyOf({}, { limits: { cpu: 64 } }).HostConfig.NanoCpus).toBe(8e9);
    expect(bodyOf({}).HostConfig).not.toHaveProperty("Memory");
  });

  test("it has only a few capabilities, and a setuid program does not bring others back", () => {
    const usual = bodyOf({}).HostConfig;
    expect(usual).toMatchObject({ CapDrop: ["ALL"], SecurityOpt: ["no-new-privileges"], Init: true });
    expect(usual).not.toHaveProperty("Privileged");
    const caps = (docker: JobManifestInput["docker"]) => bodyOf({ docker }).HostConfig.CapAdd;
    expect(caps({ capDrop: ["ALL"] })).toEqual([]);
    expect(caps({ capDrop: ["ALL"], capAdd: ["NET_RAW"] })).toEqual(["NET_RAW"]);
    expect(caps({ capAdd: ["SYS_PTRACE"] })).toContain("SYS_PTRACE");
  });

  test("it gets its own GPUs and no others", () => {
    const gpus = [
      { vendor: "nvidia" as const, index: 1, uuid: "GPU-1" },
      { vendor: "nvidia" as const, index: 3 },
    ];
    expect(bodyOf({}, { gpus }).HostConfig.DeviceRequests).toEqual([
      { Driver: "nvidia", DeviceIDs: ["GPU-1", "3"], Capabilities: [["gpu"]] },
    ]);
    expect(bodyOf({}).HostConfig).not.toHaveProperty("DeviceRequests");
    const amd = bodyOf({}, { gpus: [{ vendor: "amd", index: 0 }] }).HostConfig;
    expect(amd.GroupAdd).toEqual(["44"]);
    expect(amd.Devices).toHaveLength(2);
  });
});

test("it has labels to find it again, no restart, a high OOM score, and no copy of its output", () => {
  const { Labels, HostConfig } = bodyOf({});
  expect(Labels).toEqual({
    "com.tanvrit.compute.agent": "agent-1",
    "com.tanvrit.compute.node": "node-1",
    "com.tanvrit.compute.execution": "exe_1",
    "com.tanvrit.compute.job": expect.stringMatching(/^job_/),
  });
  expect(HostConfig).toMatchObject({
    AutoRemove: false,
    RestartPolicy: { Name: "no" },
    OomScoreAdj: 500,
    LogConfig: { Type: "none" },
  });
});
