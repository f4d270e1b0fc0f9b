/**
 * Plays nodes that wait for work. Each has a poll under way on a connection of its own, and sends heartbeats as an agent does;
 * those share a few connections. The arguments are their number and the first number in their names; URL and token are in
 * BENCH_URL and BENCH_TOKEN. Says "waiting" when every node has a poll under way. After the server has gone, says "back MS" when
 * every node has had a heartbeat answered and has a poll under way again, MS after the first of them noticed.
 */
import { ComputeClient } from "../../sdk/client.ts";
import { endpoints } from "../../shared/endpoints/index.ts";
import { limits } from "../../shared/limits.ts";
import { RUN_HEADER } from "../../shared/node.ts";
import { describeNode } from "../../tests/support/played-node.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { KeptConnection } from "../kept-connection.ts";

interface Played {
  headers: Record<string, string>;
  hasBeatenSince: boolean;
  isPolling: boolean;
}

const AT_ONCE = 32;
const BEAT_CONNECTIONS = 16;
/** Between two tries to reach the server, on average. */
const RETRY_MS = 1_000;
/** A poll that has gone this long without an answer or an error is under way. */
const UNDER_WAY_MS = 100;
const LIMIT_MS = 120_000;

const [count = 0, first = 0] = process.argv.slice(2).map(Number);
const { BENCH_URL: url = "", BENCH_TOKEN } = process.env;
const { hostname, port } = new URL(url);
const clientWith = (headers: Record<string, string>) =>
  new ComputeClient({ url, credentials: { headers: () => headers } });
const user = clientWith({ authorization: `Bearer ${BENCH_TOKEN}` });

let heartbeatMs = 0;
let brokeAtMs: number | undefined;
const nodes = await registerAll();
for (const node of nodes) void keepPolling(node);
for (let i = 0; i < BEAT_CONNECTIONS; i++) {
  void keepBeating(nodes.filter((_, index) => index % BEAT_CONNECTIONS === i));
}
const areAll = (is: (node: Played) => boolean) => () => nodes.every(is);
await waitFor(
  "all nodes to poll",
  areAll((node) => node.isPolling),
  { timeoutMs: LIMIT_MS },
);
console.log("waiting");
const goneAtMs = await waitFor("the server to go", () => brokeAtMs, { timeoutMs: LIMIT_MS });
const isBack = (node: Played) => node.isPolling && node.hasBeatenSince;
await waitFor("all nodes to be back", areAll(isBack), { timeoutMs: LIMIT_MS });
console.log(`back ${performance.now() - goneAtMs}`);

async function registerAll(): Promise<Played[]> {
  const played: Played[] = [];
  let next = first;
  const registerSome = async () => {
    while (next < first + count) played.push(await register(next++));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, registerSome));
  return played;
}

async function register(number: number): Promise<Played> {
  const described = describeNode({ name: `node-${number}` });
  const { nodeKey = "" } = await user.call("nodes.register", described);
  const runId = crypto.randomUUID();
  const run = { runId, place: `place-${number}`, machine: `machine-${number}`, host: "h", pid: 1 };
  const { heartbeatSeconds } = await clientWith({ "x-api-key": nodeKey }).call("nodes.register", {
    ...described,
    run,
  });
  heartbeatMs = heartbeatSeconds * 1_000;
  return { headers: { "x-api-key": nodeKey, [RUN_HEADER]: runId }, hasBeatenSince: false, isPolling: false };
}

async function keepPolling(node: Played): Promise<void> {
  const connection = new KeptConnection(hostname, Number(port), node.headers);
  const body = JSON.stringify({ executions: [], maxAssignments: 1, waitSeconds: limits.maxWaitSeconds });
  for (;;) {
    const underWay = setTimeout(() => {
      node.isPolling = true;
    }, UNDER_WAY_MS);
    try {
      await connection.post(endpoints["nodes.poll"].path, body);
      clearTimeout(underWay);
    } catch {
      // The server is away.
      clearTimeout(underWay);
      node.isPolling = false;
      await afterBreak();
    }
  }
}

/** Sends the heartbeats of every `BEAT_CONNECTIONS`th node, one at a time, each when it is due. */
async function keepBeating(share: readonly Played[]): Promise<void> {
  const connection = new KeptConnection(hostname, Number(port), {});
  const body = JSON.stringify({ executions: [] });
  for (let dueMs = performance.now(); ; dueMs += heartbeatMs) {
    for (const [i, node] of share.entries()) {
      await Bun.sleep(Math.max(0, dueMs + (heartbeatMs * i) / share.length - performance.now()));
      await untilAnswered(() => connection.post(endpoints["nodes.heartbeat"].path, body, node.headers));
      node.hasBeatenSince = brokeAtMs !== undefined;
    }
  }
}

async function untilAnswered(send: () => Promise<string>): Promise<void> {
  for (;;) {
    try {
      await send();
      return;
    } catch {
      await afterBreak(); // The server is away.
    }
  }
}

async function afterBreak(): Promise<void> {
  brokeAtMs ??= performance.now();
  await Bun.sleep(RETRY_MS * (0.5 + Math.random()));
}
