import { parseArgs } from "node:util";
import { supervise } from "../../../agent/supervisor/supervise.ts";
import type { Logger } from "../../../shared/logger.ts";

/** The supervisor as a separate program, for tests of the agent. */
const { values } = parseArgs({
  options: {
    dir: { type: "string" },
    "agent-id": { type: "string" },
    engine: { type: "string", multiple: true },
  },
});
const say = (message: string) => console.error(message);
const log: Logger = { info: say, warn: say, error: say };
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());

await supervise({
  dir: values.dir ?? "",
  agentId: values["agent-id"] ?? "",
  workflowEngine: values.engine ?? ["false"],
  log,
  onReady: () => process.stdout.write("ready\n"),
  stop: stop.signal,
});
