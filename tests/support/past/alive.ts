import type { Api } from "../api.ts";
import type { Chance } from "./agenda.ts";
import { loadOf } from "./gauges.ts";
import type { PastNode } from "./play.ts";

const BEAT_MS = 5_000;

/** Nodes of the past go on in the present: they are heard from, and use their machines. */
export class Alive implements AsyncDisposable {
  private readonly timer: ReturnType<typeof setInterval>;
  private beating: Promise<void>;

  constructor(
    private readonly api: Api,
    private readonly nodes: readonly PastNode[],
    private readonly chance: Chance,
  ) {
    this.beating = this.beat();
    this.timer = setInterval(() => {
      this.beating = this.beating.then(() => this.beat());
    }, BEAT_MS);
  }

  /** Rejects if a beat was refused. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.timer);
    await this.beating;
  }

  private async beat(): Promise<void> {
    for (const node of this.nodes) {
      const { machine, held, as } = node;
      if (machine.goneForMinutes !== undefined) continue;
      const { cpu, memoryMb } = loadOf(node, this.chance);
      const executions = [...held.values()].map(({ executionId, work: { uses } }) => ({
        executionId,
        samples: [[1, uses.cpu * this.chance.between(0.85, 1.1), uses.memoryMb] as [number, number, number]],
      }));
      const input = { executions: [...held.keys()], condition: machine.condition ?? {} };
      await this.api.call("nodes.heartbeat", { ...input, load: { cpu, memoryMb, executions } }, as);
    }
  }
}
