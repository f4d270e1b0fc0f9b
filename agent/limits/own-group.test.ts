import { expect, test } from "bun:test";
import { kernelFiles } from "./cgroup.ts";
import { ownGroupLimits } from "./own-group.ts";

const MIB = 1024 * 1024;
const limitsOf = (texts: Record<string, string>) =>
  ownGroupLimits({ ...kernelFiles, read: (path) => texts[path] });

const version2 = {
  "/proc/self/mountinfo": "31 23 0:28 / /cg rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
  "/proc/self/cgroup": "0::/system.slice/agent.service/tanvrit-agent\n",
};
const version1 = {
  "/proc/self/mountinfo":
    "34 30 0:29 /docker/c1 /cg/memory ro - cgroup cgroup rw,memory\n35 30 0:30 /docker/c1 /cg/cpu ro - cgroup cgroup rw,cpu,cpuacct\n",
  "/proc/self/cgroup": "4:memory:/docker/c1\n2:cpu,cpuacct:/docker/c1\n0::/docker/c1\n",
};

test("the limits of a version 2 group are the lowest of its own and its parents'", () => {
  expect(
    limitsOf({
      ...version2,
      "/cg/system.slice/agent.service/tanvrit-agent/memory.max": "max\n",
      "/cg/system.slice/agent.service/memory.max": `${2_048 * MIB}\n`,
      "/cg/system.slice/memory.max": `${4_096 * MIB}\n`,
      "/cg/system.slice/agent.service/cpu.max": "150000 100000\n",
      "/cg/system.slice/cpu.max": "max 100000\n",
    }),
  ).toEqual({ cpu: 1.5, memoryMb: 2_048 });
});

test("the limits of a version 1 container are found", () => {
  expect(
    limitsOf({
      ...version1,
      "/cg/memory/memory.limit_in_bytes": `${600 * MIB}\n`,
      "/cg/cpu/cpu.cfs_quota_us": "100000\n",
      "/cg/cpu/cpu.cfs_period_us": "100000\n",
    }),
  ).toEqual({ cpu: 1, memoryMb: 600 });
});

test("without limits, or without control groups, there are no limits to report", () => {
  const free = {
    "/cg/memory/memory.limit_in_bytes": "9223372036854771712\n",
    "/cg/cpu/cpu.cfs_quota_us": "-1\n",
    "/cg/cpu/cpu.cfs_period_us": "100000\n",
  };
  expect(limitsOf({ ...version1, ...free })).toEqual({});
  expect(limitsOf({ ...version2, "/cg/system.slice/memory.max": "max\n" })).toEqual({});
  expect(limitsOf({})).toEqual({});
});
