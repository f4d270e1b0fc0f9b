import { pause } from "../../../shared/wait.ts";
import type { TaskUsage } from "../../limits/limits.ts";
import type { Engine } from "./engine.ts";
import { type ContainerMeter, type Reading, readingOfStats } from "./meter.ts";

/** Soon at first, so that something is known of short jobs too; then less and less often. */
const SAMPLE_MS = [10, 20, 40, 80, 150, 250];
const STATS_EVERY_MS = 2_000;
const STATS_TIMEOUT_MS = 10_000;

/** Looks again and again what a container uses. A container that is over cannot be asked any more. */
export class UsageWatch {
  private readonly over = new AbortController();
  private last: Reading = { oomKills: 0 };

  constructor(
    private readonly engine: Engine,
    private readonly containerId: string,
    private readonly meter: ContainerMeter | undefined,
    /** Called once, when the kernel has ended one of its processes for want of memory. */
    private readonly onOutOfMemory: () => void,
  ) {
    void (meter ? this.sample(meter) : this.ask());
  }

  /** The kernel was seen to end a process of the container. */
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

  end(): void {
    if (!this.over.signal.aborted) this.look();
    this.over.abort();
  }

  private look(): void {
    const reading = this.meter?.read();
    if (reading) this.take(reading);
  }

  private async sample(meter: ContainerMeter): Promise<void> {
    for (let i = 0; !this.over.signal.aborted; i++) {
      const reading = meter.read();
      if (reading) this.take(reading);
      await pause(SAMPLE_MS[Math.min(i, SAMPLE_MS.length - 1)] ?? 0, this.over.signal);
    }
  }

  /** An engine that is not on this machine, or in a virtual one of its own, has to be asked. */
  private async ask(): Promise<void> {
    while (!this.over.signal.aborted) {
      try {
        const stats = await this.engine.json<Parameters<typeof readingOfStats>[0]>(
          "GET",
          `/containers/${this.containerId}/stats`,
          {
            query: { stream: false, "one-shot": true },
            timeoutMs: STATS_TIMEOUT_MS,
            signal: this.over.signal,
          },
        );
        const reading = readingOfStats(stats);
        if (reading) this.take(reading);
      } catch {
        // It is over, or the engine is away: what is known so far stays true, and the task itself looks after the rest.
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
    };
    if (before.oomKills === 0 && reading.oomKills > 0) this.onOutOfMemory();
  }
}

function highest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.max(a, b);
}
