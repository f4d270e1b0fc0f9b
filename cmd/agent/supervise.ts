import { keepProcessPrivate } from "../../agent/process/private-process.ts";
import { supervise } from "../../agent/supervisor/supervise.ts";
import { defineOptions, optionText } from "../../shared/config/options.ts";
import { textLogger } from "../../shared/logger.ts";
import { raiseOpenFiles } from "../../shared/open-files.ts";
import { selfCommand } from "../../shared/self-command.ts";
import { textOf } from "../../shared/text-of.ts";
import { defineCommand } from "../command/command.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { stopSignals } from "../exit/stop-signals.ts";

const options = defineOptions({
  dir: {
    kind: "value",
    placeholder: "DIR",
    schema: optionText.min(1, { error: "must not be empty" }),
    help: "Directory for what outlives this process",
  },
  "agent-id": {
    kind: "value",
    placeholder: "ID",
    schema: optionText.min(1, { error: "must not be empty" }),
    help: "The id of the agent; what its jobs leave behind is marked with it",
  },
});

/** Started by the agent, never by a person: the process that holds the jobs and outlives the agent. */
export const command = defineCommand({
  options,
  examples: [],
  details: "agent run starts it. It ends when no job runs and no agent listens.",
  async run({ options, output }) {
    keepProcessPrivate(process.env);
    raiseOpenFiles();
    // A log line that cannot be written must not stop the jobs.
    const log = textLogger((line) => void output.note(line).catch(() => undefined));
    try {
      await supervise({
        dir: options.dir,
        agentId: options["agent-id"],
        workflowEngine: [...selfCommand(), "workflow", "engine"],
        log,
        // The agent that started this process reads one line, and then no more.
        onReady: () => void output.result("ready").catch(() => undefined),
        stop: stopSignals().stop,
      });
    } catch (error) {
      // The agent that started it may be gone; the error itself is reported on the way out.
      await output.result(textOf(error)).catch(() => undefined);
      throw error;
    }
    return exitCodes.ok;
  },
});
