import type { Compute, Patience } from "../../sdk/index.ts";
import { createComputeClient } from "../../sdk/machine/index.ts";
import type { Env } from "../../shared/config/home.ts";
import { credentialsOf } from "../credentials/session.ts";
import type { Output } from "../output/output.ts";
import type { GivenTrust } from "../workspace/server-trust.ts";
import { chooseWorkspace } from "../workspace/workspaces.ts";

/** A client, and what is known of its server. */
export interface Connected extends Compute {
  workspace: string;
  /** Of the certificate that the server showed last, if no authority signed it. */
  fingerprint(): string | undefined;
}

/** A client for the workspace that the options and the environment name. */
export async function connect(
  env: Env,
  options: { workspace?: string; url?: string } & GivenTrust,
): Promise<Connected> {
  const workspace = await chooseWorkspace(env, options);
  const credentials = credentialsOf(env, workspace);
  return {
    ...createComputeClient({ url: workspace.url, proof: workspace.proof, credentials }),
    workspace: workspace.name,
    fingerprint: () => workspace.proof?.pin?.fingerprint,
  };
}

/** A server that never answered is reported soon. A server that restarts under a running command is waited for. */
const FIRST_ANSWER_MS = 2_000;
const AWAY_MS = 10 * 60_000;

/** How long a command keeps trying, and what it prints meanwhile. */
export function patience(output: Output, signal?: AbortSignal): Patience {
  let told = false;
  return {
    signal,
    firstMs: FIRST_ANSWER_MS,
    awayMs: AWAY_MS,
    onAway: (error, answered) => {
      // If it never answered, the failure that follows says everything.
      told = answered;
      if (!answered) return;
      // A note that cannot be written must not end the command.
      output.note(`tanvrit-compute: ${error.message} Trying again…`).catch(() => undefined);
    },
    onBack: () => {
      if (told) output.note("tanvrit-compute: the server is back.").catch(() => undefined);
    },
  };
}
