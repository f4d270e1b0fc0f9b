import { stopSignal } from "../../../shared/stop-signal.ts";
import type { Engine } from "./engine.ts";

/** The settings of an image that affect how its container is created. */
export interface ImageFacts {
  /** The directory in which its programs start; undefined if it names none. */
  workdir: string | undefined;
  /** The user that its programs run as; undefined: root. */
  user: string | undefined;
  /** The signal that stops it; undefined if it names none. */
  stopSignal: string | undefined;
}

interface ImageAnswer {
  Config?: { WorkingDir?: string; StopSignal?: string; User?: string } | null;
}

/** Reads the settings of an image that the engine has. Throws EngineError. */
export async function imageFacts(
  engine: Engine,
  reference: string,
  signal: AbortSignal,
): Promise<ImageFacts> {
  const { Config } = await engine.json<ImageAnswer>("GET", `/images/${reference}/json`, { signal });
  const { WorkingDir = "", StopSignal = "", User = "" } = Config ?? {};
  return {
    // Builders write `/` if no directory was set.
    workdir: WorkingDir === "" || WorkingDir === "/" ? undefined : WorkingDir,
    user: User === "" ? undefined : User,
    // A signal that jobs cannot name is passed to the engine as the image names it.
    stopSignal: StopSignal === "" ? undefined : (stopSignal().safeParse(StopSignal).data ?? StopSignal),
  };
}
