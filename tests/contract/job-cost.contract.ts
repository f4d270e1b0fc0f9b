import { expect, spyOn, test } from "bun:test";
import { readFileSync } from "node:fs";
import { MemoryBus } from "../../server/bus/memory-bus.ts";
import type { Stores } from "../../server/compose/stores.ts";
import { Wire } from "../../shared/sockets/wire.ts";
import { startAgentHere } from "../support/agent/agent-here.ts";
import type { As } from "../support/api.ts";
import { TestPlane } from "../support/plane.ts";
import { makeScratch } from "../support/scratch.ts";
import { supervisorsBelow } from "../support/supervisors.ts";
import { waitFor } from "../support/wait.ts";

/** How often something happens for each no-op job, from its claim to its acknowledged result. */
export type JobCost = Record<string, number>;

/** Counts in the store; each call returns the counts since the last. */
export type StoreCounter = () => JobCost | Promise<JobCost>;

const JOBS = 200;
const WARM_UP_JOBS = 50;
const SLOTS = 8;
const WAIT_SECONDS = 30;

/**
 * Counts what a job costs, without a clock: a node gets many queued jobs that do nothing, and what is counted meanwhile must
 * stay within a budget. A real agent and its supervisor run them.
 */
export function jobCostContract(
  name: string,
  open: () => Promise<{ stores: Stores; count: StoreCounter } & AsyncDisposable>,
  budget: JobCost,
): void {
  test(`${name}: a job that does nothing stays within its budget of requests, messages, system calls and ${Object.keys(budget)[0]}`, async () => {
    await using opened = await open();
    await using plane = await TestPlane.start({ stores: opened.stores, bus: new MemoryBus() });
    const user = await plane.api.user();
    await using agent = await agentOf(plane, user);
    await agent.drain(WARM_UP_JOBS);
    const others = new OtherCounts(plane, agent.supervisor);
    await agent.drain(JOBS, async () => {
      others.restart();
      await opened.count();
    });
    const counts: JobCost = { ...(await opened.count()), ...others.end() };
    const cost = Object.fromEntries(Object.entries(counts).map(([what, count]) => [what, count / JOBS]));
    console.info(`${name}, for each job: ${inWords(cost)}`);
    expect(Object.keys(cost).sort()).toEqual(Object.keys(budget).sort());
    expect(overspent(cost, budget)).toEqual([]);
  });
}

/** What is counted outside the store. */
class OtherCounts {
  private readonly sent = spyOn(Wire.prototype, "send");
  private readonly read = spyOn(Wire.prototype, "onData");
  private before: JobCost = {};

  constructor(
    private readonly plane: TestPlane,
    private readonly supervisor: number,
  ) {}

  restart(): void {
    this.before = this.now();
  }

  end(): JobCost {
    const now = this.now();
    this.sent.mockRestore();
    this.read.mockRestore();
    return Object.fromEntries(
      Object.entries(now).map(([what, count]) => [what, count - (this.before[what] ?? 0)]),
    );
  }

  private now(): JobCost {
    return {
      requests: this.plane.requests,
      "messages to the supervisor": this.sent.mock.calls.length,
      "reads of its messages": this.read.mock.calls.length,
      "reads and writes of the supervisor": readsAndWritesOf(this.supervisor),
    };
  }
}

/** System calls that read or write, as Linux counts them. */
function readsAndWritesOf(pid: number): number {
  const [, reads, writes] = /syscr: (\d+)\s+syscw: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, "utf8")) ?? [];
  return Number(reads) + Number(writes);
}

async function agentOf(plane: TestPlane, user: As) {
  const home = await makeScratch();
  const stateDir = home.join("agent", "here");
  const agent = startAgentHere({ url: plane.api.url, stateDir, slots: SLOTS, token: user.token });
  const node = await waitFor("the agent to register", async () => {
    const { nodes } = await plane.api.call("nodes.list", {}, user);
    return nodes[0];
  });
  const setDrain = (drain: boolean) => plane.api.call("nodes.drain", { nodeId: node.nodeId, drain }, user);
  return {
    get supervisor(): number {
      const [pid] = supervisorsBelow(home.path);
      if (pid === undefined) throw new Error("the agent has no supervisor");
      return pid;
    },
    /** Queues jobs while the node takes none, calls `onQueued`, and lets it run them all. */
    async drain(count: number, onQueued: () => Promise<void> = async () => undefined): Promise<void> {
      const job = { name: `drain-${count}`, command: ["true"] };
      await setDrain(true);
      const { jobs } = await plane.api.call("jobs.submit-batch", { jobs: Array(count).fill(job) }, user);
      await onQueued();
      await setDrain(false);
      // The last in the queue ends among the last, so few questions follow.
      const last = { jobId: jobs.at(-1)?.jobId ?? "", waitSeconds: WAIT_SECONDS };
      await plane.api.call("jobs.retrieve", last, user);
      const succeeded = { name: job.name, status: ["SUCCESS" as const] };
      await waitFor("all jobs to succeed", async () => {
        return (await plane.api.call("jobs.count", succeeded, user)).count === count;
      });
    },
    async [Symbol.asyncDispose]() {
      agent.stop.abort();
      await agent.done;
      await home[Symbol.asyncDispose]();
    },
  };
}

function overspent(cost: JobCost, budget: JobCost): string[] {
  return Object.entries(cost)
    .filter(([what, count]) => count > (budget[what] ?? 0))
    .map(([what, count]) => `${count.toFixed(2)} ${what} for each job, and ${budget[what]} at most`);
}

function inWords(cost: JobCost): string {
  return Object.entries(cost)
    .map(([what, count]) => `${count.toFixed(2)} ${what}`)
    .join(", ");
}
