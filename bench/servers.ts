/**
 * Measures how long a log line takes from an agent to a follower, on three servers with MongoDB and Redis. The agent
 * talks to the first server, the follower to the second, and the job was submitted to the third.
 *
 *     bun run bench:servers           runs the servers from the sources, or the binary in TANVRIT_TEST_BINARY
 */
import { createComputeClient } from "../sdk/index.ts";
import { TestMongo } from "../tests/support/mongod.ts";
import { PlayedNode } from "../tests/support/played-node.ts";
import { TestRedis } from "../tests/support/redis.ts";
import { TestServer } from "../tests/support/server.ts";
import { waitFor } from "../tests/support/wait.ts";
import { percentile } from "./figures.ts";

const MEMBERS = 3;
const WARM_UP_LINES = 100;
const LINES = 1_000;
/** Pause between two lines, counted from the response to the first. */
const PAUSE_MS = 5;
const AIM_P99_MS = 50;

await using opened = new AsyncDisposableStack();
const mongo = opened.use(await TestMongo.start(MEMBERS));
const redis = opened.use(await TestRedis.start());
const env = { TANVRIT_STORE: mongo.url("bench"), TANVRIT_BUS: redis.url };
const start = async () => opened.use(await TestServer.start(env));
const [submitter, worker, reader] = [await start(), await start(), await start()];

const user = { token: (await submitter.api.signIn("local")).accessToken };
const node = await PlayedNode.register(worker.api, user);
const { jobId } = await submitter.api.call("jobs.submit", { command: "true" }, user);
const { executionId } = await node.take();
await node.report(executionId, "RUNNING");

const delaysMs: number[] = [];
const seqs: number[] = [];
const following = follow();
for (let seq = 1; seq <= WARM_UP_LINES + LINES; seq++) {
  await node.log(executionId, seq, [String(performance.now())]);
  // From here on, a line cannot be one that was stored before the follower connected.
  if (seq === 1) await waitFor("the first line", () => seqs.length > 0);
  await Bun.sleep(PAUSE_MS);
}
await node.report(executionId, "SUCCEEDED", { exitCode: 0 });
await following;

const inOrder = seqs.every((seq, i) => seq === i + 1) && seqs.length === WARM_UP_LINES + LINES;
const measured = delaysMs.slice(WARM_UP_LINES);
const p99Ms = percentile(measured, 99);
console.log(`agent to follower over two servers, ${LINES} lines, one at a time:`);
console.log(
  `p50 ${percentile(measured, 50).toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms (aim: p99 < ${AIM_P99_MS} ms)`,
);
console.log(inOrder ? "all lines in order, no duplicates" : "lines are missing, duplicated or out of order");
process.exitCode = inOrder && p99Ms < AIM_P99_MS ? 0 : 1;

async function follow(): Promise<void> {
  const compute = createComputeClient({ url: reader.url, token: user.token });
  for await (const event of compute.jobs.follow(jobId)) {
    if (event.event !== "log") continue;
    delaysMs.push(performance.now() - Number(event.data.text));
    seqs.push(event.data.seq);
  }
}
