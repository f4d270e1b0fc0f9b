/**
 * Follows the log of a job with the SDK, as fast as it comes, and prints the number of lines, the milliseconds from the
 * first line to the end of the job, and the milliseconds of CPU time that it used meanwhile, as JSON. The job's id is the only argument; URL and token are in BENCH_URL and
 * BENCH_TOKEN. It says "ready" when the server has answered.
 */
import { createComputeClient } from "../../sdk/index.ts";

const [jobId = ""] = process.argv.slice(2);
const { BENCH_URL: url = "", BENCH_TOKEN: token = "" } = process.env;
const compute = createComputeClient({ url, token });
let count = 0;
let firstAtMs = 0;
let cpuBefore = process.cpuUsage();
let isReady = false;
for await (const event of compute.jobs.follow(jobId, { whole: true, packed: true })) {
  if (!isReady) console.log("ready");
  isReady = true;
  if (event.event === "gap") throw new Error(`${event.data.missed} lines are missing`);
  if (event.event !== "lines") continue;
  if (count === 0) {
    firstAtMs = performance.now();
    cpuBefore = process.cpuUsage();
  }
  count += event.data.lines.length;
}
const tookMs = performance.now() - firstAtMs;
const { user, system } = process.cpuUsage(cpuBefore);
console.log(JSON.stringify({ count, tookMs, cpuMs: (user + system) / 1_000 }));
