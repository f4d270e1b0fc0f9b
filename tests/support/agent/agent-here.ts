import { join } from "node:path";
import { runAgent } from "../../../agent/agent.ts";
import { agentFile } from "../../../agent/profile/agent-file.ts";
import { describeNode } from "../../../agent/profile/describe.ts";
import { ComputeClient } from "../../../sdk/client.ts";
import type { Logger } from "../../../shared/logger.ts";
import { RUN_HEADER } from "../../../shared/node.ts";

const supervise = join(import.meta.dirname, "supervise.ts");

/** An agent in the process of the test. Its supervisor is a process of its own. */
export interface AgentHere {
  stop: AbortController;
  cancelAll: AbortController;
  leave: AbortController;
  /** Resolves when it has ended, with its error if it failed. */
  done: Promise<Error | undefined>;
  /** What it logged, as in `info: Registered as …`. */
  said: string[];
}

export interface AgentHereOptions {
  url: string;
  stateDir: string;
  slots?: number;
  labels?: Record<string, string>;
  /** As in an `agent.yaml`. */
  settings?: object;
  /** An access token of the user who registers it; absent: a played server asks for none. */
  token?: string | undefined;
}

export function startAgentHere(options: AgentHereOptions): AgentHere {
  const { url, stateDir, slots = 4, labels = {}, settings = {}, token } = options;
  const [stop, cancelAll, leave] = [new AbortController(), new AbortController(), new AbortController()];
  const said: string[] = [];
  const say = (level: string) => (message: string) => said.push(`${level}: ${message}`);
  const log: Logger = { info: say("info"), warn: say("warn"), error: say("error") };
  const clientWith = (headers: Record<string, string>) =>
    new ComputeClient({ url, credentials: { headers: () => headers } });
  const file = agentFile.parse(settings);
  const done = runAgent({
    client: clientWith(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    createNodeClient: (nodeKey, runId) => clientWith({ "x-api-key": nodeKey, [RUN_HEADER]: runId }),
    stateDir,
    profile: {
      description: describeNode({ labels, slots, pool: "default", file, agentVersion: "0" }),
      file,
      gpus: [],
    },
    supervisor: { command: [process.execPath, supervise], build: "test" },
    log,
    stop: stop.signal,
    cancelAll: cancelAll.signal,
    leave: leave.signal,
  }).then(
    () => undefined,
    (error: Error) => error,
  );
  return { stop, cancelAll, leave, done, said };
}
