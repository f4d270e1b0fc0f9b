import { bareRate } from "../bare-rate.ts";
import { cpuForEach, cpuOfStage } from "../cpu-of-stage.ts";
import { queueJobs, rateOf, succeeded, untilOver } from "../no-op-jobs.ts";
import { aims, atLeast, type Row } from "../row.ts";

const JOBS = 3_000;
const WARM_UP_JOBS = 500;
const SLOTS = 16;

/** Jobs that do nothing, all queued before the node gets the first: what claims, starts and ends cost. */
export const drainRow: Row = {
  name: "drain",
  figures: (kind) => ({
    bare: { what: `bare spawn and reap, ${SLOTS} at a time`, unit: "/s" },
    rate: {
      what: `drain of ${JOBS} queued no-op jobs, ${SLOTS} slots`,
      unit: "/s",
      aim: kind === "sqlite" ? undefined : aims(atLeast(0), atLeast(600), atLeast(300))[kind],
    },
    ratio: { what: "drain / bare", unit: "", aim: kind === "sqlite" ? atLeast(0.5) : undefined },
    server: { what: "CPU of the server for each job", unit: "µs" },
    worker: { what: "CPU of the agent for each job", unit: "µs" },
    supervisor: { what: "CPU of the supervisor for each job", unit: "µs" },
    children: { what: "CPU of the job itself", unit: "µs" },
    ...(kind === "sqlite" ? {} : { mongod: { what: "CPU of MongoDB for each job", unit: "µs" } }),
  }),
  async open(stage) {
    const { compute } = stage;
    const { nodeId, pid } = await stage.startAgent(SLOTS);
    const drain = async (count: number) => {
      await compute.nodes.drain(nodeId);
      const queued = await queueJobs(compute, count);
      const before = cpuOfStage(stage, pid);
      await compute.nodes.undrain(nodeId);
      await untilOver(compute, queued);
      const cpu = cpuForEach(before, cpuOfStage(stage, pid), count);
      return { rate: rateOf(await succeeded(compute, queued.name, count)), ...cpu };
    };
    await drain(WARM_UP_JOBS);
    return async () => {
      const before = await bareRate();
      const drained = await drain(JOBS);
      const bare = (before + (await bareRate())) / 2;
      return { bare, ...drained, ratio: drained.rate / bare };
    };
  },
};
