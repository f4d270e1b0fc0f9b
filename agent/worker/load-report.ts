import type { Emitter } from "../../shared/emitter.ts";
import { MAX_SAMPLED_EXECUTIONS, MAX_SAMPLES, type NodeLoad } from "../../shared/node.ts";
import { machineLoad } from "../process/machine-load.ts";
import type { ExecutionSample } from "../supervisor/protocol.ts";

export interface LoadReportParts {
  /** Asks the supervisors what executions use; `heard` gets their answers. */
  ask(): void;
  /** How many executions run. */
  running(): number;
  /** Emitted when an execution has begun or ended. */
  loadChanged: Emitter;
}

/** How often to ask what executions use, while any runs. */
const SAMPLE_MS = 2_000;

interface Sampled {
  /** The last answer. */
  last: { atMs: number; cpuSeconds: number };
  samples: { atMs: number; cpu: number; memoryMb: number }[];
}

/**
 * Collects what this machine and its executions use, for the next heartbeat. It begins when a server asks for it, and asks
 * the supervisors only while something runs. So an idle agent does nothing between two heartbeats, and a sleeping one
 * nothing at all.
 */
export class LoadReport {
  private readonly executions = new Map<string, Sampled>();
  private readonly machine = machineLoad();
  private timer: ReturnType<typeof setInterval> | undefined;
  private isWanted = false;

  constructor(private readonly parts: LoadReportParts) {
    parts.loadChanged.subscribe(() => this.schedule());
  }

  /** Whether the server takes a load with the next heartbeat. */
  set wanted(isWanted: boolean) {
    this.isWanted = isWanted;
    this.schedule();
  }

  /** What is known since the last call; undefined: the server does not ask for it. */
  take(): NodeLoad | undefined {
    if (!this.isWanted) return undefined;
    const nowMs = performance.now();
    const executions = [...this.executions].flatMap(([executionId, { samples }]) => {
      const taken = samples.splice(0);
      if (taken.length === 0) {
        // Nothing was heard of it since the last heartbeat: it is over.
        this.executions.delete(executionId);
        return [];
      }
      const rows = taken.map(({ atMs, cpu, memoryMb }): [number, number, number] => [
        rounded(Math.max(0, nowMs - atMs) / 1_000),
        rounded(cpu),
        memoryMb,
      ]);
      return [{ executionId, samples: rows }];
    });
    const { cpu, memoryMb } = this.machine.read();
    return { cpu: rounded(cpu), memoryMb, executions: executions.slice(0, MAX_SAMPLED_EXECUTIONS) };
  }

  /** The answer of a supervisor. */
  heard(samples: readonly ExecutionSample[]): void {
    const atMs = performance.now();
    for (const { executionId, cpuSeconds, memoryMb } of samples) {
      const known = this.executions.get(executionId);
      const last = { atMs, cpuSeconds };
      if (!known) {
        if (this.executions.size < MAX_SAMPLED_EXECUTIONS)
          this.executions.set(executionId, { last, samples: [] });
        continue;
      }
      const seconds = (atMs - known.last.atMs) / 1_000;
      if (seconds <= 0) continue;
      const cpu = Math.max(0, cpuSeconds - known.last.cpuSeconds) / seconds;
      known.samples.push({ atMs, cpu, memoryMb });
      // While the server is away, the oldest go.
      if (known.samples.length > MAX_SAMPLES) known.samples.shift();
      known.last = last;
    }
  }

  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private schedule(): void {
    const isNeeded = this.isWanted && this.parts.running() > 0;
    if (isNeeded === (this.timer !== undefined)) return;
    clearInterval(this.timer);
    this.timer = isNeeded ? setInterval(() => this.parts.ask(), SAMPLE_MS) : undefined;
  }
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
