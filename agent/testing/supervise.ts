import { parseArgs } from "node:util";
import type { AgentLog } from "../agent-log.ts";
import { supervise } from "../supervisor/supervise.ts";

/** The supervisor as a program of its own, for tests of this room. */
const { values } = parseArgs({ options: { dir: { type: "string" }, "agent-id": { type: "string" } } });
const say = (message: string) => console.error(message);
const log: AgentLog = { info: say, warn: say, error: say };
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());

await supervise({
  dir: values.dir ?? "",
  agentId: values["agent-id"] ?? "",
  log,
  onReady: () => process.stdout.write("ready\n"),
  stop: stop.signal,
});
