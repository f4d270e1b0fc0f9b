import { counted } from "../../shared/counted.ts";
import type { EndpointOutput } from "../../shared/endpoints/index.ts";
import { safeLine } from "../../shared/terminal-text.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findJob, JOB_HELP } from "../connection/find-id.ts";
import { joinPainted, paint } from "../output/paint.ts";
import { fitLines } from "./fit-table.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "JOB", help: JOB_HELP }],
  examples: [{ line: "job why $id", does: "Why it does not start" }],
  details: `The first line says what the job waits for. The table says for each node whether it could run the job (fits: now;
busy: when there is room; unavailable: when the node takes jobs again; never), and the first rule that fails.`,
  async run({ options, positionals, env, output }) {
    const compute = await connect(env, options);
    const { jobs } = compute;
    const jobId = await findJob(compute, positionals[0] ?? "", output);
    const why = await jobs.why(jobId, patience(output));
    const look = output.resultLook;
    const lines = [why.summary, ...aheadLines(why)].map((line) => paint(safeLine(line), undefined, look));
    lines.push(...fitLines(why, look));
    await (options.json ? output.json(why) : output.painted(joinPainted(lines, "\n")));
    return 0;
  },
});

function aheadLines({ ahead }: EndpointOutput<"jobs.why">): string[] {
  if (!ahead || ahead.count === 0) return [];
  return [
    `${ahead.more ? "More than " : ""}${counted(ahead.count, "job")} of its pool came before it in the queue.`,
  ];
}
