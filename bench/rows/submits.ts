import { endpoints } from "../../shared/endpoints/index.ts";
import { limits } from "../../shared/limits.ts";
import { answersPerSecond } from "../http-load.ts";
import { aims, atLeast, type Row } from "../row.ts";

/** About a second's worth each. */
const SINGLE = { sqlite: 10_000, mongodb: 4_000, mongodb3: 2_500 };
const BATCHES = { sqlite: 30, mongodb: 20, mongodb3: 12 };
const IN_FLIGHT = 128;
const BATCHES_IN_FLIGHT = 4;
const job = { command: ["true"] };

/** Acknowledged submits without an agent: the jobs stay queued. */
export const submitsRow: Row = {
  name: "submits",
  figures: (kind) => ({
    single: {
      what: `submits, ${IN_FLIGHT} in flight`,
      unit: "/s",
      aim: aims(atLeast(10_000), atLeast(4_000), atLeast(2_500))[kind],
    },
    batched: {
      what: `submits in batches of ${limits.maxBatchJobs}, ${BATCHES_IN_FLIGHT} in flight`,
      unit: "/s",
      aim: aims(atLeast(30_000), atLeast(20_000), atLeast(12_000))[kind],
    },
  }),
  async open({ kind, server, token }) {
    const batch = { jobs: Array.from({ length: limits.maxBatchJobs }, () => job) };
    const single = (count: number) =>
      answersPerSecond({
        ...{ port: server.port, token, count, connections: IN_FLIGHT },
        ...{ path: endpoints["jobs.submit"].path, body: JSON.stringify(job) },
      });
    const batched = async (count: number) =>
      limits.maxBatchJobs *
      (await answersPerSecond({
        ...{ port: server.port, token, count, connections: BATCHES_IN_FLIGHT },
        ...{ path: endpoints["jobs.submit-batch"].path, body: JSON.stringify(batch) },
      }));
    await single(SINGLE[kind] / 5);
    await batched(Math.ceil(BATCHES[kind] / 5));
    return async () => ({ single: await single(SINGLE[kind]), batched: await batched(BATCHES[kind]) });
  },
};
