import { makeEngineParts } from "../../agent/workflow/run/engine-parts.ts";
import { PlanError, readPlan } from "../../agent/workflow/run/read-plan.ts";
import { runWorkflow } from "../../agent/workflow/run/run-workflow.ts";
import { defineCommand } from "../command/command.ts";
import { CliError } from "../exit/failure.ts";
import { stopSignals } from "../exit/stop-signals.ts";

/** Started by the agent, never by a person: the process that runs one workflow. */
export const command = defineCommand({
  options: {},
  positionals: [{ name: "PLAN", help: "the file that describes the run" }],
  examples: [],
  details: "The agent starts it for a job of type GITHUB_ACTION.",
  async run({ positionals, output }) {
    const plan = await readPlan(positionals[0] ?? "").catch((error: unknown) => {
      if (error instanceof PlanError) throw new CliError("bad_data", error.message);
      throw error;
    });
    const { stop, hurry } = stopSignals();
    // A log that nobody reads does not stop the run: the engine leaves out what cannot be written.
    const write = (line: string) => output.result(line);
    const io = { write, signal: stop, hurry };
    const exit = await runWorkflow(plan, io, makeEngineParts);
    await output.settled();
    return exit;
  },
});
