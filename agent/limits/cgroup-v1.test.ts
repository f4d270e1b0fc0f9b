import { expect, test } from "bun:test";
import { type CgroupFiles, kernelFiles } from "./cgroup.ts";
import { findCgroupV1 } from "./cgroup-v1.ts";

const MIB = 1024 * 1024;
const [MEMORY, CPU, PIDS] = ["memory", "cpu", "pids"].map((one) => `/cg/${one}/tanvrit-exe_1`);

/** Version 1 hierarchies as the agent sees them in a container, held in memory. */
function hierarchies(isWritable: CgroupFiles["isWritable"] = () => true) {
  const texts = new Map<string, string>();
  const mounts = ["memory", "cpu,cpuacct", "pids"].map(
    (controllers) => `34 30 0:29 /c1 /cg/${controllers.split(",")[0]} rw - cgroup cgroup rw,${controllers}\n`,
  );
  texts.set("/proc/self/mountinfo", mounts.join(""));
  texts.set("/proc/self/cgroup", "4:memory:/c1\n3:pids:/c1\n2:cpu,cpuacct:/c1\n0::/c1\n");
  const files: CgroupFiles = {
    ...kernelFiles,
    isWritable,
    read: (path) => texts.get(path),
    write: (path, text) => void texts.set(path, text),
    make: (path) => void texts.set(`${path}/memory.memsw.limit_in_bytes`, "9223372036854771712\n"),
    children: () => [],
    remove: () => true,
  };
  return { texts, tree: findCgroupV1({}, files) };
}

test("a job's limits are written to the files of cgroup version 1, and cover swap", () => {
  const { texts, tree } = hierarchies();
  expect(tree?.enforcement).toMatchObject({ cpu: "kernel", memory: "kernel", pids: "kernel" });
  const group = tree?.create("exe_1", { cpu: 1.5, memoryMb: 256, pids: 64 });
  expect(group?.entrances).toEqual([MEMORY, CPU, PIDS].map((path) => `${path}/cgroup.procs`));
  expect(texts.get(`${MEMORY}/memory.limit_in_bytes`)).toBe(String(256 * MIB));
  expect(texts.get(`${MEMORY}/memory.memsw.limit_in_bytes`)).toBe(String(256 * MIB));
  expect(texts.get(`${CPU}/cpu.cfs_quota_us`)).toBe("150000");
  expect(texts.get(`${CPU}/cpu.cfs_period_us`)).toBe("100000");
  expect(texts.get(`${PIDS}/pids.max`)).toBe("64");
  group?.kill();
  expect(texts.get(`${PIDS}/pids.max`)).toBe("0");
});

test("usage is read from the counters of version 1", () => {
  const { texts, tree } = hierarchies();
  const group = tree?.create("exe_1", { memoryMb: 256 });
  texts.set(`${MEMORY}/memory.oom_control`, "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
  texts.set(`${MEMORY}/memory.max_usage_in_bytes`, `${200 * MIB}\n`);
  texts.set(`${CPU}/cpuacct.usage`, "2500000000\n");
  texts.set(`${PIDS}/pids.events`, "max 4\n");
  expect([group?.oomKills(), group?.peakBytes(), group?.cpuSeconds(), group?.refusedStarts()]).toEqual([
    2,
    200 * MIB,
    2.5,
    4,
  ]);
});

test("starts that the kernel refuses while a job is being ended do not count as reaching the limit", () => {
  const { texts, tree } = hierarchies();
  const group = tree?.create("exe_1", { pids: 64 });
  texts.set(`${PIDS}/pids.events`, "max 4\n");
  group?.kill();
  texts.set(`${PIDS}/pids.events`, "max 9\n");
  group?.kill();
  expect(group?.refusedStarts()).toBe(4);
});

test("a hierarchy that the agent may not write to is left alone, and without any there is no group", () => {
  const { tree } = hierarchies((path) => path === "/cg/memory");
  expect(tree?.enforcement).toMatchObject({ cpu: "none", memory: "kernel", pids: "none" });
  expect(tree?.create("exe_1", { cpu: 1 }).entrances).toEqual([`${MEMORY}/cgroup.procs`]);
  expect(hierarchies(() => false).tree).toBeUndefined();
});
