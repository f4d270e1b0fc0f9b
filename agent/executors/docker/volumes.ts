import { matchesAny } from "../../../shared/allow.ts";
import { StartFailedError } from "../port/executor.ts";
import { LABEL } from "./container-config.ts";
import type { Engine } from "./engine.ts";
import { hasStatus } from "./engine-error.ts";
import type { EngineMount } from "./mounts.ts";

export interface VolumeRules {
  /** What the agent's volumes are marked with. */
  agentId: string;
  /** As `allow.volumes` of agent.yaml. */
  allowed: readonly string[];
}

/**
 * Makes the named volumes that are not there yet, marked as this agent's. One that is there must be marked so, or be
 * allowed by the node's owner: an engine keeps other people's data in volumes, too. Throws StartFailedError.
 */
export async function prepareVolumes(
  engine: Engine,
  mounts: readonly EngineMount[],
  { agentId, allowed }: VolumeRules,
): Promise<void> {
  const names = mounts.flatMap(({ Type, Source }) => (Type === "volume" && Source ? [Source] : []));
  for (const name of new Set(names)) {
    if (matchesAny(allowed, name)) continue;
    const labels = (await labelsOfVolume(engine, name)) ?? (await makeVolume(engine, name, agentId));
    if (labels[LABEL.agent] === agentId) continue;
    throw new StartFailedError(
      `The job may not mount the volume ${name}: it is there already and no job of this node made it (allow.volumes in agent.yaml).`,
    );
  }
}

type VolumeLabels = Record<string, string | undefined>;

async function labelsOfVolume(engine: Engine, name: string): Promise<VolumeLabels | undefined> {
  try {
    const { Labels } = await engine.json<{ Labels?: VolumeLabels | null }>("GET", `/volumes/${name}`);
    return Labels ?? {};
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}

/** The labels it has afterwards: somebody else may have made it in this moment, and then they are not ours. */
async function makeVolume(engine: Engine, name: string, agentId: string): Promise<VolumeLabels> {
  await engine.json("POST", "/volumes/create", {
    body: { Name: name, Labels: { [LABEL.agent]: agentId } },
  });
  return (await labelsOfVolume(engine, name)) ?? {};
}
