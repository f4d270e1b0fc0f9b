import { hasBrokenGpus, lookAgain, lookAtMachine, type Sight } from "../../agent/detectors/detect.ts";
import { engineHazard } from "../../agent/detectors/engine-hazard.ts";
import { taskGpu } from "../../agent/detectors/gpu.ts";
import type { agentOptions } from "../../agent/options.ts";
import { type AgentFile, agentFile } from "../../agent/profile/agent-file.ts";
import { describeNode } from "../../agent/profile/describe.ts";
import { jobAccount, rootWarning } from "../../agent/profile/job-account.ts";
import type { NodeProfile, ProfileSource } from "../../agent/profile/profile.ts";
import type { Env } from "../../shared/config/home.ts";
import type { OptionValues } from "../../shared/config/options.ts";
import type { Logger } from "../../shared/logger.ts";
import { textOf } from "../../shared/text-of.ts";
import type { Settings } from "../command/command.ts";
import { CliError } from "../exit/failure.ts";
import { isTerminal } from "../input/is-terminal.ts";
import { agentFilePath, nodeSettings } from "./settings.ts";

export interface ProfileReader {
  env: Env;
  log: Logger;
  /** The settings when the command started. */
  settings: AgentSettings;
  readAgain(): Promise<AgentSettings>;
}

type AgentSettings = Pick<Settings, "config" | "configPath"> & { options: OptionValues<typeof agentOptions> };

/** What this machine offers to jobs, and how a running agent reads it again. */
export async function readProfile(
  reader: ProfileReader,
): Promise<{ profile: NodeProfile; source: ProfileSource; terminalGone: AbortSignal }> {
  const { env, log } = reader;
  let sight = await lookAtMachine({ environment: env });
  let told = sight.machine.problems;
  for (const problem of told) log.warn(problem);
  const { asked, terminalGone } = hangUps();
  const profile = await profileOf(reader.settings, sight);
  let hazard: string | undefined;
  const tellHazard = ({ description, account }: NodeProfile) => {
    const before = hazard;
    hazard = engineHazard(sight.machine.docker, description.jobTypes, { account });
    if (hazard !== undefined && hazard !== before) log.warn(hazard);
  };
  tellHazard(profile);
  const warning = rootWarning(profile.file);
  if (warning !== undefined) log.warn(warning);
  const source: ProfileSource = {
    path: agentFilePath(reader.settings.options, reader.env),
    read: async (what) => {
      const settings = await reader.readAgain();
      if (what === "machine") sight = await lookAtMachine({ environment: env });
      if (what === "missing") sight = await lookAgain(sight, { environment: env });
      // A request to look at the machine logs every problem again; otherwise only new problems are logged.
      const { problems } = sight.machine;
      const news = what === "machine" ? problems : problems.filter((one) => !told.includes(one));
      for (const problem of news) log.warn(problem);
      told = problems;
      const profile = await profileOf(settings, sight);
      tellHazard(profile);
      return profile;
    },
    onAsked: (listener) => asked.addEventListener("asked", listener),
  };
  return { profile, source, terminalGone };
}

async function profileOf({ options, config, configPath }: AgentSettings, sight: Sight): Promise<NodeProfile> {
  const { machine } = sight;
  const file: AgentFile = agentFile.parse(config ?? {});
  return {
    description: describeNode(nodeSettings(options, config), machine),
    isNameOfHost: options.name === undefined,
    connection: options.connection,
    file,
    filePath: configPath,
    account: await accountOf(file),
    gpus: machine.gpus.map(taskGpu),
    seen: { engine: machine.docker !== undefined, brokenGpus: hasBrokenGpus(sight) },
  };
}

async function accountOf({ runAs }: AgentFile): ReturnType<typeof jobAccount> {
  try {
    return await jobAccount(runAs);
  } catch (error) {
    throw new CliError("bad_configuration", textOf(error), { cause: error });
  }
}

/** SIGHUP tells a service to read its settings again. It also tells a program that its terminal was closed. */
function hangUps(): { asked: EventTarget; terminalGone: AbortSignal } {
  const asked = new EventTarget();
  const gone = new AbortController();
  const terminals = [0, 1, 2].filter((fd) => isTerminal(fd));
  process.on("SIGHUP", () => {
    // A closed terminal is not a terminal any more.
    if (terminals.some((fd) => !isTerminal(fd))) gone.abort();
    else asked.dispatchEvent(new Event("asked"));
  });
  return { asked, terminalGone: gone.signal };
}
