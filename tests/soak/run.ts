/**
 * A fleet under kills: one or more servers and simulated agents. A server is ended by kill -9 every few seconds while
 * jobs are submitted and run. With several servers, the primary of the store also steps down and the bus is restarted
 * from time to time. In the end every job must have exactly one applied result.
 *
 *     bun run soak                                     one server on the embedded store
 *     bun run soak --servers 3 --jobs 20000            three servers on MongoDB and Redis
 */
import { parseArgs } from "node:util";
import { soak } from "./soak.ts";

const FAULTS_SHOWN = 20;

const { values } = parseArgs({
  options: {
    servers: { type: "string", default: "1" },
    jobs: { type: "string", default: "20000" },
    agents: { type: "string", default: "20" },
    "kill-every": { type: "string", default: "2" },
  },
});
const report = await soak(
  {
    servers: Number(values.servers),
    jobs: Number(values.jobs),
    agents: Number(values.agents),
    killEveryMs: Number(values["kill-every"]) * 1_000,
    stepDownEvery: 5,
    restartBusEvery: 4,
    atLeast: { kills: 0, stepDowns: 0, busRestarts: 0 },
    doneTimeoutMs: 300_000,
  },
  (line) => console.error(line),
);
console.log(JSON.stringify({ ...report, faults: report.faults.slice(0, FAULTS_SHOWN) }, null, 2));
process.exitCode = report.faults.length === 0 ? 0 : 1;
