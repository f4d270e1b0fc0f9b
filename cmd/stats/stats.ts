import type { StatsOverview } from "../../sdk/index.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { formatFields } from "../output/format.ts";

type Count = StatsOverview["failedLastDay"];

export const command = defineCommand({
  options: clientOptions,
  examples: [
    { line: "stats", does: "What waits, what runs, what failed, and which nodes are there" },
    { line: "stats --json", does: "The same for a script" },
  ],
  details: "Counts end at 10,000: `10000+` means that there are more.",
  async run({ options, env, output }) {
    const { stats } = await connect(env, options);
    const overview = await stats.overview(patience(output));
    if (options.json) await output.json(overview);
    else await output.painted(formatFields(fieldsOf(overview), output.resultLook));
    return 0;
  },
});

function fieldsOf({ jobs, failedLastDay, nodes, slots, oldestQueued }: StatsOverview) {
  const states = Object.entries(nodes).filter(([, count]) => count > 0);
  return {
    queued: textOf(jobs.QUEUED),
    running: textOf({
      count: jobs.ASSIGNED.count + jobs.RUNNING.count,
      more: jobs.ASSIGNED.more || jobs.RUNNING.more,
    }),
    failedIn24h: textOf(failedLastDay),
    slots: `${textOf(slots.used)} of ${slots.total} in use`,
    nodes: states.map(([state, count]) => `${count} ${state}`).join(", ") || "none",
    ...(oldestQueued && {
      longestWait: `${Math.round(oldestQueued.waitingSeconds)} s: ${oldestQueued.jobId}${oldestQueued.name === undefined ? "" : ` (${oldestQueued.name})`}`,
    }),
  };
}

function textOf({ count, more }: Count): string {
  return `${count}${more ? "+" : ""}`;
}
