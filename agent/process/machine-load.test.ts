import { expect, test } from "bun:test";
import { cpus, totalmem } from "node:os";
import { machineLoad } from "./machine-load.ts";

for (const platform of new Set([process.platform, "darwin"] as const)) {
  test(`the load of a machine is between nothing and all of it, read as on ${platform}`, () => {
    const machine = machineLoad(platform);
    const fromMs = performance.now();
    while (performance.now() - fromMs < 100);
    const { cpu, memoryMb } = machine.read();
    expect(cpu).toBeGreaterThan(0);
    expect(cpu).toBeLessThanOrEqual(cpus().length);
    expect(memoryMb).toBeGreaterThan(0);
    expect(memoryMb).toBeLessThan(totalmem() / 1024 / 1024);
  });
}
