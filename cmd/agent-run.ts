import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { runAgent } from "../agent/agent.ts";
import { describeNode } from "../agent/describe.ts";
import { detectMachine, withGpuCount } from "../agent/detectors/detect.ts";
import { taskGpu } from "../agent/detectors/gpu.ts";
import { agentOptions } from "../agent/options.ts";
import packageJson from "../package.json" with { type: "json" };
import { ComputeClient } from "../sdk/client.ts";
import { textLog } from "../server/log.ts";
import { defineOptions } from "../shared/config/options.ts";
import { nodeSettings, readAgentFile } from "./agent-settings.ts";
import { defineCommand } from "./command.ts";
import { connectionOptions } from "./common-options.ts";
import { credentialsOf } from "./credentials/session.ts";
import { exitCodes } from "./exit-codes.ts";
import { tanvritHome } from "./home.ts";
import { selfCommand } from "./self-command.ts";
import { stopSignals } from "./until-stopped.ts";
import { chooseWorkspace } from "./workspaces.ts";

const options = defineOptions({ ...agentOptions, ...connectionOptions });

export const command = defineCommand({
  options,
  examples: [
    {
      line: "agent run --workspace local",
      does: "Give this machine's cores to the server you are signed in to",
    },
    {
      line: "agent run --label disk=ssd --slots 4",
      does: "At most 4 jobs at once, and with a label to ask for",
    },
  ],
  details: `SIGTERM or Ctrl-C takes no new job and ends when what runs has ended; a second one cancels what runs.`,
  readConfig: readAgentFile,
  async run({ options, config, env, output }) {
    const workspace = await chooseWorkspace(env, options);
    const { url } = workspace;
    const signals = stopSignals();
    const settings = nodeSettings(options, config);
    const { limits } = settings.file;
    // A log line that cannot be written must not stop the jobs.
    const log = textLog((line) => void output.note(line).catch(() => undefined));
    const machine = withGpuCount(await detectMachine({ environment: env }), limits.gpuCount);
    for (const problem of machine.problems) log.warn(problem);
    await runAgent({
      client: new ComputeClient({ url, credentials: credentialsOf(env, workspace) }),
      createNodeClient: (nodeKey) =>
        new ComputeClient({ url, credentials: { headers: () => ({ "x-api-key": nodeKey }) } }),
      stateDir: join(tanvritHome(env), "agent", workspace.name),
      profile: {
        description: describeNode(settings, machine),
        limits,
        gpus: machine.gpus.map(taskGpu),
      },
      supervisor: { command: [...selfCommand(), "agent", "supervise"], build: buildOf(process.execPath) },
      environment: env,
      log,
      stop: signals.stop,
      cancelAll: signals.hurry,
      leave: new AbortController().signal,
    });
    return exitCodes.ok;
  },
});

/** Names a build of this program: another version, or another file of the same, is another build. */
function buildOf(path: string): string {
  const { size, mtimeMs } = statSync(path);
  return createHash("sha256").update(`${packageJson.version} ${size} ${mtimeMs}`).digest("hex").slice(0, 8);
}
