import { afterEach, expect, jest, test } from "bun:test";
import { Emitter } from "../../shared/emitter.ts";
import { MAX_SAMPLES, nodeLoad } from "../../shared/node.ts";
import { LoadReport } from "./load-report.ts";

afterEach(() => {
  jest.useRealTimers();
});

/** A report of an agent on which `running` executions run, and how often it has asked what they use. */
function reportOf(running: number) {
  jest.useFakeTimers();
  const world = { running, asked: 0, loadChanged: new Emitter() };
  const report = new LoadReport({
    ask: () => void world.asked++,
    running: () => world.running,
    loadChanged: world.loadChanged,
  });
  return { world, report };
}

test("without a server that asks for it, or while nothing runs, nobody is asked what executions use", () => {
  const { world, report } = reportOf(1);
  world.loadChanged.emit();
  jest.advanceTimersByTime(60_000);
  expect([world.asked, report.take()]).toEqual([0, undefined]);
  report.wanted = true;
  jest.advanceTimersByTime(10_000);
  expect(world.asked).toBe(5);
  world.running = 0;
  world.loadChanged.emit();
  jest.advanceTimersByTime(60_000);
  expect(world.asked).toBe(5);
  world.running = 2;
  world.loadChanged.emit();
  jest.advanceTimersByTime(4_000);
  expect(world.asked).toBe(7);
  report.wanted = false;
  jest.advanceTimersByTime(60_000);
  expect(world.asked).toBe(7);
  report.close();
});

test("a load has the cores between two samples, once; an execution that is over is in it no more", async () => {
  jest.useRealTimers();
  const report = new LoadReport({ ask: () => undefined, running: () => 1, loadChanged: new Emitter() });
  report.wanted = true;
  const heard = (cpuSeconds: number) => report.heard([{ executionId: EXECUTION, cpuSeconds, memoryMb: 12 }]);
  heard(1);
  expect(report.take()?.executions).toEqual([]);
  heard(1);
  const fromMs = performance.now();
  while (performance.now() - fromMs < 20) await undefined;
  heard(1.5);
  const load = nodeLoad.parse(report.take());
  const [first, second, ...more] = load.executions[0]?.samples ?? [];
  expect(more).toEqual([]);
  expect(first?.[2]).toBe(12);
  expect((second ?? first)?.[1]).toBeGreaterThan(1);
  expect(report.take()?.executions).toEqual([]);
  report.close();
});

test("while heartbeats fail, only the newest samples are kept", () => {
  const report = new LoadReport({ ask: () => undefined, running: () => 1, loadChanged: new Emitter() });
  report.wanted = true;
  for (let i = 0; i < 10 * MAX_SAMPLES; i++) {
    const fromMs = performance.now();
    while (performance.now() - fromMs < 0.1);
    report.heard([{ executionId: EXECUTION, cpuSeconds: 0, memoryMb: i }]);
  }
  const load = nodeLoad.parse(report.take());
  expect(load.executions[0]?.samples.map(([, , memoryMb]) => memoryMb).at(-1)).toBe(10 * MAX_SAMPLES - 1);
  expect(load.executions[0]?.samples).toHaveLength(MAX_SAMPLES);
  report.close();
});

const EXECUTION = "exe_00000000000000000000000000";
