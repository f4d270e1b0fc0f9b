import { expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { forAllTests } from "../../../tests/support/for-all-tests.ts";
import { makeScratch } from "../../../tests/support/scratch.ts";
import { ContainerMeter, readingOfStats } from "./meter.ts";

const { path: dir } = forAllTests(await makeScratch());
const ID = "c".repeat(64);
const [proc, cgroups] = [join(dir, "proc"), join(dir, "cgroup")];

function write(path: string, text: string): void {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
}

test("in a unified hierarchy, usage is read from the container's scope", () => {
  const scope = `/system.slice/docker-${ID}.scope`;
  write(join(proc, "70/cgroup"), `0::${scope}\n`);
  write(join(cgroups, scope, "cpu.stat"), "usage_usec 2500000\nuser_usec 1\n");
  write(join(cgroups, scope, "memory.current"), "1048576\n");
  write(join(cgroups, scope, "memory.events"), "low 0\noom 3\noom_kill 2\noom_group_kill 0\n");
  const meter = ContainerMeter.open(ID, 70, proc, cgroups);
  expect(meter?.read()).toEqual({ cpuSeconds: 2.5, peakMemoryMb: 1, oomKills: 2 });
  expect(meter?.sample()).toEqual({ cpuSeconds: 2.5, memoryMb: 1 });
  write(join(cgroups, scope, "memory.stat"), "anon 1\ninactive_file 524288\n");
  expect(meter?.sample()).toEqual({ cpuSeconds: 2.5, memoryMb: 0.5 });
  write(join(cgroups, scope, "memory.peak"), "4194304\n");
  expect(meter?.read()?.peakMemoryMb).toBe(4);
  rmSync(join(cgroups, scope), { recursive: true });
  expect(meter?.read()).toBeUndefined();
  expect(meter?.sample()).toBeUndefined();
});

test("in version 1 hierarchies, usage is read from the container's groups", () => {
  const path = `/docker/${ID}`;
  write(join(proc, "71/cgroup"), `8:memory:${path}\n4:cpu,cpuacct:${path}\n0::/\n`);
  write(join(cgroups, "memory", path, "memory.max_usage_in_bytes"), "3145728\n");
  write(join(cgroups, "memory", path, "memory.oom_control"), "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
  write(join(cgroups, "cpuacct", path, "cpuacct.usage"), "1500000000\n");
  expect(ContainerMeter.open(ID, 71, proc, cgroups)?.read()).toEqual({
    cpuSeconds: 1.5,
    peakMemoryMb: 3,
    oomKills: 1,
  });
});

test("a process that is not the container's is not read, as when the engine is on another machine", () => {
  write(join(proc, "72/cgroup"), "0::/user.slice/session-1.scope\n");
  expect(ContainerMeter.open(ID, 72, proc, cgroups)).toBeUndefined();
  expect(ContainerMeter.open(ID, 73, proc, cgroups)).toBeUndefined();
  expect(ContainerMeter.open(ID, 0, proc, cgroups)).toBeUndefined();
});

test("the engine's numbers for a container that has ended are not taken for its usage", () => {
  expect(readingOfStats({ cpu_stats: { cpu_usage: { total_usage: 0 } }, memory_stats: {} })).toBeUndefined();
  expect(
    readingOfStats({
      cpu_stats: { cpu_usage: { total_usage: 5e8 } },
      memory_stats: { usage: 2 * 1024 * 1024, stats: { inactive_file: 1024 * 1024 } },
    }),
  ).toEqual({ cpuSeconds: 0.5, peakMemoryMb: 2, memoryMb: 1, oomKills: 0 });
});
