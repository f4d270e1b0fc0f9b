/**
 * A fleet under kills: several servers, simulated agents, and a server ended by kill -9 every few seconds while jobs
 * are submitted and run. Then every job must have exactly one applied result.
 *
 *     bun run soak                                     one server on the embedded store
 *     bun run soak --servers 3 --jobs 20000            three servers on MongoDB and Redis
 */
import { parseArgs } from "node:util";
import { ComputeClient } from "../../sdk/client.ts";
import type { TestServer } from "../support/server.ts";
import { AnyServer } from "./any-server.ts";
import { Fleet } from "./fleet.ts";
import { SimulatedAgent, simulatedNode } from "./simulated-agent.ts";
import { judge } from "./verdict.ts";

const { values } = parseArgs({
  options: {
    servers: { type: "string", default: "1" },
    jobs: { type: "string", default: "20000" },
    agents: { type: "string", default: "20" },
    "kill-every": { type: "string", default: "2" },
  },
});
const serverCount = Number(values.servers);
const jobCount = Number(values.jobs);
const killEveryMs = Number(values["kill-every"]) * 1_000;
const SUBMITS_IN_FLIGHT = 64;
const DONE_TIMEOUT_MS = 300_000;
const LOOK_EVERY_MS = 500;

await using fleet = await Fleet.start(serverCount);
const urls = fleet.servers.map((server) => server.url);
const token = (await first(fleet).api.signIn("local")).accessToken;
const credentials = { headers: () => ({ authorization: `Bearer ${token}` }) };
const over = new AbortController();
const agents = await registerAgents(Number(values.agents));
const working = Promise.all(agents.map((agent) => agent.run(over.signal)));
const chaos = fleet.killNowAndThen(killEveryMs, over.signal);

const startedAtMs = performance.now();
const submitted = await submitAll();
say(`${submitted.size} jobs submitted after ${seconds(startedAtMs)} s, ${fleet.kills} kills`);
await untilDone();
say(`all jobs done after ${seconds(startedAtMs)} s, ${fleet.kills} kills`);
over.abort();
await Promise.all([working, chaos]);
const verdict = await judge(new ComputeClient({ url: first(fleet).url, credentials }), submitted, agents);
console.log(JSON.stringify({ ...verdict, faults: verdict.faults.slice(0, 20), kills: fleet.kills }, null, 2));
process.exitCode = verdict.faults.length === 0 ? 0 : 1;

async function registerAgents(count: number): Promise<SimulatedAgent[]> {
  const made: SimulatedAgent[] = [];
  for (let i = 0; i < count; i++) {
    const { api } = first(fleet);
    const { nodeKey } = await api.call("nodes.register", simulatedNode(`simulated-${i}`), { token });
    made.push(new SimulatedAgent(urls, nodeKey ?? "", i));
  }
  return made;
}

async function submitAll(): Promise<Set<string>> {
  const ids = new Set<string>();
  let left = jobCount;
  const submitSome = async (_: unknown, i: number) => {
    const server = new AnyServer(urls, credentials, i);
    while (left-- > 0) {
      const job = await server.call(
        "jobs.submit",
        () => ({ command: ["true"] }),
        over.signal,
        crypto.randomUUID(),
      );
      ids.add(job.jobId);
    }
  };
  await Promise.all(Array.from({ length: SUBMITS_IN_FLIGHT }, submitSome));
  return ids;
}

async function untilDone(): Promise<void> {
  const server = new AnyServer(urls, credentials);
  const deadlineMs = performance.now() + DONE_TIMEOUT_MS;
  while (performance.now() < deadlineMs) {
    const input = () => ({ status: ["QUEUED" as const, "ASSIGNED" as const, "RUNNING" as const], limit: 1 });
    const { jobs } = await server.call("jobs.list", input, over.signal);
    if (jobs.length === 0) return;
    await Bun.sleep(LOOK_EVERY_MS);
  }
  say(`some jobs are not done after ${DONE_TIMEOUT_MS / 1_000} s`);
}

function first(all: Fleet): TestServer {
  const [server] = all.servers;
  if (!server) throw new Error("a fleet needs a server");
  return server;
}

function seconds(sinceMs: number): string {
  return ((performance.now() - sinceMs) / 1_000).toFixed(1);
}

function say(text: string): void {
  console.error(text);
}
