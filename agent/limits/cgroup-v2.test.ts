import { describe, expect, spyOn, test } from "bun:test";
import { type Cgroup, kernelFiles, pidsIn } from "./cgroup.ts";
import { CgroupEnforcer } from "./cgroup-enforcer.ts";
import { findCgroupV2, scopeRequest } from "./delegate.ts";
import { LimitError } from "./limit-enforcer.ts";
import { SamplingEnforcer } from "./sampling-enforcer.ts";

const MOUNT = "31 23 0:28 / /cg rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
const UNIT = "/cg/system.slice/agent.service";

/** A version 2 hierarchy as the agent sees it: new directories contain the kernel's files. */
class FakeTree {
  readonly texts = new Map<string, string>();
  readonly directories = new Set<string>();
  readonly readOnly = new Set<string>();
  busy = 0;

  constructor(own: string, controllers = "cpuset cpu io memory pids") {
    this.texts.set("/proc/self/mountinfo", MOUNT);
    this.enter(own);
    for (let path = own; path.startsWith("/cg/"); path = path.slice(0, path.lastIndexOf("/"))) {
      this.make(path);
      this.texts.set(`${path}/cgroup.controllers`, controllers);
    }
    this.texts.set(`${own}/cgroup.procs`, `${process.pid}\n`);
  }

  enter(own: string): void {
    this.texts.set("/proc/self/cgroup", `0::${own.slice("/cg".length)}\n`);
  }

  read = (path: string) => this.texts.get(path);
  isWritable = (path: string) => this.directories.has(path) && !this.readOnly.has(path);
  children = (path: string) =>
    [...this.directories].filter(
      (one) => one.startsWith(`${path}/`) && !one.slice(path.length + 1).includes("/"),
    );

  make = (path: string) => {
    this.directories.add(path);
    const files = [
      "cgroup.procs",
      "cgroup.subtree_control",
      "memory.swap.max",
      "memory.oom.group",
      "memory.peak",
    ];
    for (const file of [...files, "memory.events", "cpu.stat", "pids.events"])
      this.texts.set(`${path}/${file}`, "");
    this.texts.set(`${path}/cgroup.type`, "domain");
  };

  write = (path: string, text: string) => {
    const before = this.texts.get(path);
    const isAdded = path.endsWith("cgroup.subtree_control");
    this.texts.set(path, isAdded && before ? `${before} ${text}` : text);
  };

  remove = (path: string) => {
    if (this.busy-- > 0) return false;
    this.directories.delete(path);
    return true;
  };
}

async function treeIn(fake: FakeTree, moveToScope?: () => Promise<boolean>) {
  return findCgroupV2({ files: fake, moveToScope });
}

async function groupIn(fake: FakeTree, limits: Parameters<CgroupEnforcer["limit"]>[1]): Promise<Cgroup> {
  const tree = await treeIn(fake);
  if (!tree) throw new Error("no tree");
  return tree.create("exe_1", limits);
}

describe("control groups, version 2", () => {
  test("a unit that starts the agent in a group of its own lets it divide the parent group", async () => {
    const fake = new FakeTree(`${UNIT}/tanvrit-agent`);
    const tree = await treeIn(fake, () => Promise.reject(new Error("no scope is needed here")));
    expect(tree?.enforcement).toEqual({
      cpu: "kernel",
      memory: "kernel",
      pids: "kernel",
      enforcedBy: `cgroup v2 at ${UNIT}`,
    });
    expect(fake.read(`${UNIT}/cgroup.subtree_control`)).toBe("+cpu +memory +pids");
  });

  test("if systemd runs, the agent asks for a scope of its own and divides it", async () => {
    const fake = new FakeTree(UNIT);
    const scope = "/cg/user.slice/tanvrit-compute-7.scope";
    const tree = await treeIn(fake, async () => {
      fake.make(scope);
      fake.texts.set(`${scope}/cgroup.controllers`, "memory pids");
      fake.texts.set(`${scope}/cgroup.procs`, `${process.pid}\n`);
      fake.enter(scope);
      return true;
    });
    expect(tree?.enforcement).toMatchObject({
      cpu: "none",
      memory: "kernel",
      enforcedBy: `cgroup v2 at ${scope}`,
    });
    expect(fake.read(`${scope}/tanvrit-agent/cgroup.procs`)).toBe(String(process.pid));
  });

  test("if systemd refuses, the groups that it manages are left alone", async () => {
    const fake = new FakeTree(UNIT);
    expect(await treeIn(fake, async () => false)).toBeUndefined();
    expect(fake.children(UNIT)).toEqual([]);
  });

  test("without systemd, the agent takes a group in which it is alone, and no other", async () => {
    const alone = new FakeTree("/cg/container");
    expect((await treeIn(alone))?.enforcement.memory).toBe("kernel");
    expect(alone.read("/cg/container/tanvrit-agent/cgroup.procs")).toBe(String(process.pid));
    const shared = new FakeTree("/cg/container");
    shared.texts.set("/cg/container/cgroup.procs", `1\n${process.pid}\n`);
    expect(await treeIn(shared)).toBeUndefined();
    const readOnly = new FakeTree("/cg/container");
    readOnly.readOnly.add("/cg/container");
    expect(await treeIn(readOnly)).toBeUndefined();
  });

  test("a hierarchy without controllers is not used", async () => {
    expect(await treeIn(new FakeTree("/cg/container", "cpuset io"))).toBeUndefined();
  });

  test("a job's limits are written and cover swap, and the kernel kills the job as a whole", async () => {
    const fake = new FakeTree("/cg/box");
    const group = await groupIn(fake, { cpu: 1.5, memoryMb: 256, pids: 64 });
    const path = "/cg/box/tanvrit-exe_1";
    expect(group.entrances).toEqual([`${path}/cgroup.procs`]);
    expect(fake.read(`${path}/cpu.max`)).toBe("150000 100000");
    expect(fake.read(`${path}/memory.max`)).toBe(String(256 * 1024 * 1024));
    expect(fake.read(`${path}/memory.swap.max`)).toBe("0");
    expect(fake.read(`${path}/memory.oom.group`)).toBe("1");
    expect(fake.read(`${path}/pids.max`)).toBe("64");
  });

  test("usage is read from the kernel's counters, and a kill is one write", async () => {
    const fake = new FakeTree("/cg/box");
    const group = await groupIn(fake, { memoryMb: 256 });
    const path = "/cg/box/tanvrit-exe_1";
    fake.texts.set(`${path}/memory.events`, "low 0\nhigh 0\nmax 12\noom 1\noom_kill 3\noom_group_kill 1\n");
    fake.texts.set(`${path}/memory.peak`, "268435456\n");
    fake.texts.set(`${path}/cpu.stat`, "usage_usec 2500000\nuser_usec 2000000\n");
    fake.texts.set(`${path}/pids.events`, "max 4\n");
    expect([group.oomKills(), group.peakBytes(), group.cpuSeconds(), group.refusedStarts()]).toEqual([
      3, 268_435_456, 2.5, 4,
    ]);
    fake.texts.set(`${path}/memory.events.local`, "low 0\nhigh 0\nmax 12\noom 1\noom_kill 3\n");
    expect(group.oomKills()).toBe(3);
    group.kill();
    expect(fake.read(`${path}/cgroup.kill`)).toBe("1");
  });

  test("a kill because of a full machine, or in a group that the job made, does not count as reaching the job's limit", async () => {
    const fake = new FakeTree("/cg/box");
    const group = await groupIn(fake, { memoryMb: 256 });
    fake.texts.set("/cg/box/tanvrit-exe_1/memory.events", "max 0\noom 1\noom_kill 1\n");
    fake.texts.set("/cg/box/tanvrit-exe_1/memory.events.local", "max 0\noom 0\noom_kill 1\n");
    expect(group.oomKills()).toBe(0);
  });

  test("a group that is busy for a moment is removed once it is not", async () => {
    const fake = new FakeTree("/cg/box");
    const tree = await treeIn(fake);
    if (!tree) throw new Error("no tree");
    const handle = new CgroupEnforcer(tree, new SamplingEnforcer()).limit("exe_1", { pids: 9 });
    expect(tree.find("exe_1")).toBeDefined();
    fake.busy = 3;
    await handle.release();
    expect(tree.find("exe_1")).toBeUndefined();
  });

  test("limits that cannot be set are an error, and leave no group", async () => {
    const fake = new FakeTree("/cg/box");
    const tree = await treeIn(fake);
    if (!tree) throw new Error("no tree");
    fake.write = () => {
      throw new Error("EINVAL: invalid argument");
    };
    const enforcer = new CgroupEnforcer(tree, new SamplingEnforcer());
    expect(() => enforcer.limit("exe_1", { memoryMb: 4 })).toThrow(LimitError);
    expect(tree.find("exe_1")).toBeUndefined();
  });

  test("a limit without a controller is left to samples, and `enforcedBy` says so", async () => {
    const tree = await treeIn(new FakeTree("/cg/box", "memory pids"));
    if (!tree) throw new Error("no tree");
    expect(new CgroupEnforcer(tree, new SamplingEnforcer("linux")).enforcement).toEqual({
      cpu: "sampling",
      memory: "kernel",
      pids: "kernel",
      enforcedBy: "cgroup v2 at /cg/box, the rest: samples of the process tree",
    });
  });

  test("each limit without a controller is enforced by samples", async () => {
    const limits = { cpu: 1, memoryMb: 64, pids: 9 };
    const cases = { "memory pids": { cpu: 1 }, "cpu pids": { memoryMb: 64 }, "cpu memory": { pids: 9 } };
    for (const [controllers, left] of Object.entries(cases)) {
      const tree = await treeIn(new FakeTree("/cg/box", controllers));
      if (!tree) throw new Error("no tree");
      const sampling = new SamplingEnforcer("linux");
      const sampled = spyOn(sampling, "limit");
      new CgroupEnforcer(tree, sampling).limit("exe_1", limits);
      expect(sampled.mock.calls).toEqual([["exe_1", left]]);
    }
  });

  test("the request for a scope has systemd's format", () => {
    expect(scopeRequest(42, false).join(" ")).toBe(
      "--user call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager " +
        "StartTransientUnit ssa(sv)a(sa(sv)) tanvrit-compute-42.scope fail 4 Description s Jobs of Tanvrit Compute " +
        "PIDs au 1 42 Delegate b true CollectMode s inactive-or-failed 0",
    );
  });
});

test("a process in another namespace, which the kernel lists as 0, is never signalled", () => {
  const files = { ...kernelFiles, read: () => "0\n12\n", children: () => [] };
  expect(pidsIn(files, "/sys/fs/cgroup/tanvrit-exe_1")).toEqual([12]);
});
