import { cpuMsSince, memoryMbOf, threadTimes } from "../../tests/support/cpu-time.ts";
import { supervisorsBelow } from "../../tests/support/supervisors.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { atMost, type Row } from "../row.ts";

const SLOTS = 16;
const WATCHED_MS = 10_000;
/** The runtime cleans up its memory for a while after the last work. */
const SETTLE_MS = 8_000;
const SLEEP_MS = 30_000;

/** An agent that has run a job and waits for the next: it and its supervisor. */
export const idleAgentRow: Row = {
  name: "idle",
  only: ["sqlite"],
  figures: () => ({
    agentMb: { what: "idle agent, memory", unit: "MiB", aim: atMost(70) },
    supervisorMb: { what: "idle agent, memory of its supervisor", unit: "MiB" },
    cpu: { what: "idle agent and supervisor, CPU", unit: "%", aim: atMost(0.3) },
  }),
  async open(stage) {
    const { pid } = await stage.startAgent(SLOTS);
    await stage.compute.jobs.submitAndWait({ command: ["true"] });
    await Bun.sleep(SETTLE_MS);
    return async () => {
      const supervisors = supervisorsBelow(stage.person.home.path);
      const cpu = await cpuPercent([pid, ...supervisors]);
      return { agentMb: memoryMbOf([pid]), supervisorMb: memoryMbOf(supervisors), cpu };
    };
  },
};

/** An agent that sleeps. */
export const suspendedAgentRow: Row = {
  name: "suspended",
  only: ["sqlite"],
  figures: () => ({
    agentMb: { what: "suspended agent, memory", unit: "MiB" },
    cpu: { what: "suspended agent, CPU", unit: "%", aim: atMost(0.1) },
  }),
  async open(stage) {
    const { pid, nodeId } = await stage.startAgent(SLOTS, { idleSuspendSeconds: 0 });
    const isAsleep = async () => (await stage.compute.nodes.retrieve(nodeId)).status === "SUSPENDED";
    await waitFor("the agent to sleep", isAsleep, { timeoutMs: SLEEP_MS });
    await Bun.sleep(SETTLE_MS);
    return async () => ({ cpu: await cpuPercent([pid]), agentMb: memoryMbOf([pid]) });
  },
};

/** How much of a core the processes use together. */
async function cpuPercent(pids: readonly number[]): Promise<number> {
  const before = pids.map((pid) => ({ pid, times: threadTimes(pid) }));
  const startedMs = performance.now();
  await Bun.sleep(WATCHED_MS);
  const usedMs = before.reduce((sum, { pid, times }) => sum + cpuMsSince(pid, times), 0);
  return (usedMs / (performance.now() - startedMs)) * 100;
}
