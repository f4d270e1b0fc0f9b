import { join, resolve } from "node:path";
import { agentOptions } from "../../agent/options.ts";
import { agentFile } from "../../agent/profile/agent-file.ts";
import type { NodeSettings } from "../../agent/profile/describe.ts";
import packageJson from "../../package.json" with { type: "json" };
import { type Env, tanvritHome } from "../../shared/config/home.ts";
import type { OptionValues } from "../../shared/config/options.ts";
import { readConfigFile } from "../input/read-config.ts";

/** Reads agent.yaml for the commands about this machine. */
export function readAgentFile(flags: Readonly<Record<string, unknown>>, env: Env) {
  return readConfigFile(agentFile, {
    named: (flags.config as string | undefined) ?? (env[agentOptions.config.env] || undefined),
    fallback: defaultPath(env),
  });
}

/** The absolute path of the agent.yaml in use, whether it exists or not. */
export function agentFilePath(options: { config?: string }, env: Env): string {
  return resolve(options.config ?? defaultPath(env));
}

function defaultPath(env: Env): string {
  return join(tanvritHome(env), "agent.yaml");
}

/** The node's settings, from the options and agent.yaml. */
export function nodeSettings(options: OptionValues<typeof agentOptions>, config: unknown): NodeSettings {
  return {
    name: options.name,
    slots: options.slots,
    pool: options.pool,
    labels: options.label,
    file: agentFile.parse(config ?? {}),
    agentVersion: packageJson.version,
  };
}
