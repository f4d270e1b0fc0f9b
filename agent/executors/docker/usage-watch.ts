import { pause } from "../../../shared/wait.ts";
import type { TaskSample, TaskUsage } from "../../limits/limits.ts";
import type { Engine } from "./engine.ts";
import { type ContainerMeter, type Reading, readingOfStats } from "./meter.ts";

/** Samples come quickly at first, so that short jobs are measured too, and then less and less often. */
const SAMPLE_MS = [10, 20, 40, 80, 150, 250];
const STATS_EVERY_MS = 2_000;
const STATS_TIMEOUT_MS = 10_000;

export interface UsageWatchParts {
  engine: Engine;
  containerId: string;
  /** undefined: only the engine knows the usage. */
  meter: ContainerMeter | undefined;
  /** Called once, when the kernel has killed a process of the container for lack of memory. */
  onOutOfMemory(): void;
}

/** Samples the usage of a container while it runs; afterwards it cannot be read any more. */
export class UsageWatch {
  private readonly over = new AbortController();
  private last: Reading = { oomKills: 0 };

  constructor(private readonly parts: UsageWatchParts) {
    const { meter } = parts;
    void (meter ? this.watch(meter) : this.ask());
  }

  /** Whether the kernel was seen to kill a process of the container for lack of memory. */
  get wasOutOfMemory(): boolean {
    return this.last.oomKills > 0;
  }

  usage(): TaskUsage {
    if (!this.over.signal.aborted) this.look();
    const { cpuSeconds, peakMemoryMb } = this.last;
    return {
      ...(cpuSeconds === undefined ? {} : { cpuSeconds }),
      ...(peakMemoryMb === undefined ? {} : { peakMemoryMb: Math.round(peakMemoryMb * 10) / 10 }),
    };
  }

  sample(): TaskSample | undefined {
    if (this.over.signal.aborted) return undefined;
    if (this.parts.meter) return this.parts.meter.sample();
    const { cpuSeconds, memoryMb } = this.last;
    return cpuSeconds === undefined || memoryMb === undefined ? undefined : { cpuSeconds, memoryMb };
  }

  end(): void {
    if (!this.over.signal.aborted) this.look();
    this.over.abort();
  }

  private look(): void {
    const reading = this.parts.meter?.read();
    if (reading) this.take(reading);
  }

  private async watch(meter: ContainerMeter): Promise<void> {
    for (let i = 0; !this.over.signal.aborted; i++) {
      const reading = meter.read();
      if (reading) this.take(reading);
      await pause(SAMPLE_MS[Math.min(i, SAMPLE_MS.length - 1)] ?? 0, this.over.signal);
    }
  }

  /** If the engine runs on another machine or in a virtual machine, only the engine knows the usage. */
  private async ask(): Promise<void> {
    const { engine, containerId } = this.parts;
    while (!this.over.signal.aborted) {
      try {
        const stats = await engine.json<Parameters<typeof readingOfStats>[0]>(
          "GET",
          `/containers/${containerId}/stats`,
          {
            query: { stream: false, "one-shot": true },
            timeoutMs: STATS_TIMEOUT_MS,
            signal: this.over.signal,
          },
        );
        const reading = readingOfStats(stats);
        if (reading) this.take(reading);
      } catch {
        // The container has ended, or the engine is away. The last numbers stay, and the task handles the rest.
      }
      await pause(STATS_EVERY_MS, this.over.signal);
    }
  }

  private take(reading: Reading): void {
    const before = this.last;
    const peakMemoryMb = highest(before.peakMemoryMb, reading.peakMemoryMb);
    const cpuSeconds = highest(before.cpuSeconds, reading.cpuSeconds);
    this.last = {
      oomKills: Math.max(before.oomKills, reading.oomKills),
      ...(peakMemoryMb === undefined ? {} : { peakMemoryMb }),
      ...(cpuSeconds === undefined ? {} : { cpuSeconds }),
      ...(reading.memoryMb === undefined ? {} : { memoryMb: reading.memoryMb }),
    };
    if (before.oomKills === 0 && reading.oomKills > 0) this.parts.onOutOfMemory();
  }
}

function highest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.max(a, b);
}
