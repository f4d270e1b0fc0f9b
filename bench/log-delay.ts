import { createComputeClient } from "../sdk/index.ts";
import type { TestMongo } from "../tests/support/mongod.ts";
import { PlayedNode } from "../tests/support/played-node.ts";
import { TestServer } from "../tests/support/server.ts";
import { waitFor } from "../tests/support/wait.ts";

const WARM_UP_LINES = 100;
const LINES = 1_000;
/** Pause between two lines, counted from the response to the first. */
const PAUSE_MS = 5;

/**
 * How long a log line takes from an agent to a follower over three servers, in milliseconds, for each of a thousand lines sent one
 * at a time. The agent talks to the first server, the follower to the second, and the job was submitted to the third. Throws if
 * lines are missing, doubled or out of order.
 */
export async function logDelays(mongo: TestMongo, busUrl: string): Promise<number[]> {
  await using opened = new AsyncDisposableStack();
  const env = { TANVRIT_STORE: mongo.url("log_delay"), TANVRIT_BUS: busUrl };
  const start = async () => opened.use(await TestServer.start(env));
  const [submitter, worker, reader] = [await start(), await start(), await start()];
  const user = { token: (await submitter.api.signIn("local")).accessToken };
  const node = await PlayedNode.register(worker.api, user);
  const { jobId } = await submitter.api.call("jobs.submit", { command: "true" }, user);
  const { executionId } = await node.take();
  await node.report(executionId, "RUNNING");

  const delaysMs: number[] = [];
  const seqs: number[] = [];
  const follow = async () => {
    const compute = createComputeClient({ url: reader.url, token: user.token });
    for await (const event of compute.jobs.follow(jobId)) {
      if (event.event !== "log") continue;
      delaysMs.push(performance.now() - Number(event.data.text));
      seqs.push(event.data.seq);
    }
  };
  const following = follow();
  for (let seq = 1; seq <= WARM_UP_LINES + LINES; seq++) {
    await node.log(executionId, seq, [String(performance.now())]);
    // From here on, a line cannot be one that was stored before the follower connected.
    if (seq === 1) await waitFor("the first line", () => seqs.length > 0);
    await Bun.sleep(PAUSE_MS);
  }
  await node.report(executionId, "SUCCEEDED", { exitCode: 0 });
  await following;
  const isWhole = seqs.every((seq, i) => seq === i + 1) && seqs.length === WARM_UP_LINES + LINES;
  if (!isWhole) throw new Error("lines are missing, doubled or out of order");
  return delaysMs.slice(WARM_UP_LINES);
}
