import { bareRate } from "../bare-rate.ts";
import { allDone, queueJobs, rateOf } from "../no-op-jobs.ts";
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
  }),
  async open(stage) {
    const { compute } = stage;
    const { nodeId } = await stage.startAgent(SLOTS);
    const drain = async (count: number) => {
      await compute.nodes.drain(nodeId);
      const queued = await queueJobs(compute, count);
      await compute.nodes.undrain(nodeId);
      return rateOf(await allDone(compute, queued, count));
    };
    await drain(WARM_UP_JOBS);
    return async () => {
      const before = await bareRate();
      const rate = await drain(JOBS);
      const bare = (before + (await bareRate())) / 2;
      return { bare, rate, ratio: rate / bare };
    };
  },
};
