import type { Compute } from "../../sdk/index.ts";
import { percentile } from "../figures.ts";
import { aims, atMost, type Row } from "../row.ts";

const JOBS = 100;
const WARM_UP_JOBS = 50;
const SLOTS = 16;
/** After the end of a job, so that nothing of it is still on its way when the next is submitted. */
const REST_MS = 20;
/** The agent reports the start in whole milliseconds, cut off. */
const CUT_OFF_MS = 0.5;

/** From just before the submit to the start of the process, one job at a time. */
export const startLatencyRow: Row = {
  name: "start",
  figures: (kind) => ({
    p50: {
      what: "submit to process started, idle, p50",
      unit: "ms",
      aim: aims(atMost(3), atMost(8), atMost(12))[kind],
    },
    p99: {
      what: "submit to process started, idle, p99",
      unit: "ms",
      aim: aims(atMost(7), atMost(20), atMost(30))[kind],
    },
  }),
  async open(stage) {
    await stage.startAgent(SLOTS);
    await startLatencies(stage.compute, WARM_UP_JOBS);
    return async () => {
      const latenciesMs = await startLatencies(stage.compute, JOBS);
      return { p50: percentile(latenciesMs, 50), p99: percentile(latenciesMs, 99) };
    };
  },
};

/** Both clocks are this machine's. */
async function startLatencies(compute: Compute, count: number): Promise<number[]> {
  const latenciesMs: number[] = [];
  for (let i = 0; i < count; i++) {
    await Bun.sleep(REST_MS);
    const askedAtMs = performance.timeOrigin + performance.now();
    const job = await compute.jobs.submitAndWait({ command: ["true"] });
    if (job.status !== "SUCCESS") throw new Error(`job ${job.jobId} is ${job.status}: ${job.message}`);
    latenciesMs.push(Math.max(0, Date.parse(job.startedAt ?? "") + CUT_OFF_MS - askedAtMs));
  }
  return latenciesMs;
}
