import { stopSignal } from "../../../shared/stop-signal.ts";
import type { Engine } from "./engine.ts";

/** What an image says of itself, as far as it decides how its container is made. */
export interface ImageFacts {
  /** Where its programs start; undefined where it does not say. */
  workdir: string | undefined;
  /** By which signal it asks to be stopped. */
  stopSignal: string | undefined;
}

interface ImageAnswer {
  Config?: { WorkingDir?: string; StopSignal?: string } | null;
}

/** Of an image that is there. Throws EngineError. */
export async function imageFacts(
  engine: Engine,
  reference: string,
  signal: AbortSignal,
): Promise<ImageFacts> {
  const { Config } = await engine.json<ImageAnswer>("GET", `/images/${reference}/json`, { signal });
  const { WorkingDir = "", StopSignal = "" } = Config ?? {};
  return {
    // Builders write `/` where nobody has said anything.
    workdir: WorkingDir === "" || WorkingDir === "/" ? undefined : WorkingDir,
    // One that no job may name is handed to the engine as the image names it.
    stopSignal: StopSignal === "" ? undefined : (stopSignal.safeParse(StopSignal).data ?? StopSignal),
  };
}
