import { matchesAny } from "../../../shared/allow.ts";
import { StartFailedError } from "../port/executor.ts";
import { LABEL } from "./container-config.ts";
import type { Engine } from "./engine.ts";
import { hasStatus } from "./engine-error.ts";
import type { EngineMount } from "./mounts.ts";

export interface VolumeRules {
  /** The label of the agent's volumes. */
  agentId: string;
  /** `allow.volumes` from agent.yaml. */
  allowed: readonly string[];
}

/**
 * Creates missing named volumes, with this agent's label. An existing volume must have that label, or the node's owner must
 * allow it, because an engine's volumes also contain other people's data. Throws StartFailedError.
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
      `The job may not mount the volume ${name}: it exists already, and no job of this node created it (allow.volumes in agent.yaml).`,
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

/** Creates a volume and returns its labels. They are not this agent's if someone else created the volume just before. */
async function makeVolume(engine: Engine, name: string, agentId: string): Promise<VolumeLabels> {
  await engine.json("POST", "/volumes/create", {
    body: { Name: name, Labels: { [LABEL.agent]: agentId } },
  });
  return (await labelsOfVolume(engine, name)) ?? {};
}
