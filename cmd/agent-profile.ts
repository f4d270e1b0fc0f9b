import { isatty } from "node:tty";
import { type AgentFile, agentFile } from "../agent/agent-file.ts";
import type { AgentLog } from "../agent/agent-log.ts";
import { describeNode } from "../agent/describe.ts";
import { detectMachine } from "../agent/detectors/detect.ts";
import { taskGpu } from "../agent/detectors/gpu.ts";
import type { MachineFacts } from "../agent/detectors/machine-facts.ts";
import type { agentOptions } from "../agent/options.ts";
import type { NodeProfile, ProfileSource } from "../agent/profile.ts";
import type { OptionValues } from "../shared/config/options.ts";
import { agentFilePath, nodeSettings } from "./agent-settings.ts";
import type { Env, Settings } from "./command.ts";

export interface ProfileReader {
  env: Env;
  log: AgentLog;
  /** As the command found them when it was called. */
  settings: AgentSettings;
  readAgain(): Promise<AgentSettings>;
}

type AgentSettings = Pick<Settings, "config" | "configPath"> & { options: OptionValues<typeof agentOptions> };

/** What this machine gives to jobs, and how a running agent reads it anew. */
export async function readProfile(
  reader: ProfileReader,
): Promise<{ profile: NodeProfile; source: ProfileSource; terminalGone: AbortSignal }> {
  let machine = await look(reader);
  const { asked, terminalGone } = hangUps();
  const source: ProfileSource = {
    path: agentFilePath(reader.settings.options, reader.env),
    read: async (what) => {
      const settings = await reader.readAgain();
      if (what === "machine") machine = await look(reader);
      return profileOf(settings, machine);
    },
    onAsked: (listener) => asked.addEventListener("asked", listener),
  };
  return { profile: profileOf(reader.settings, machine), source, terminalGone };
}

async function look({ env, log }: ProfileReader): Promise<MachineFacts> {
  const machine = await detectMachine({ environment: env });
  for (const problem of machine.problems) log.warn(problem);
  return machine;
}

function profileOf({ options, config, configPath }: AgentSettings, machine: MachineFacts): NodeProfile {
  const file: AgentFile = agentFile.parse(config ?? {});
  return {
    description: describeNode(nodeSettings(options, config), machine),
    file,
    filePath: configPath,
    gpus: machine.gpus.map(taskGpu),
  };
}

/** SIGHUP is how services are told to read their settings anew, and how a program hears that its terminal was closed. */
function hangUps(): { asked: EventTarget; terminalGone: AbortSignal } {
  const asked = new EventTarget();
  const gone = new AbortController();
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  process.on("SIGHUP", () => {
    // A terminal that was closed is none any more.
    if (terminals.some((fd) => !isatty(fd))) gone.abort();
    else asked.dispatchEvent(new Event("asked"));
  });
  return { asked, terminalGone: gone.signal };
}
