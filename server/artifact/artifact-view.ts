import type { Artifact } from "../../shared/artifact.ts";
import { isoTime } from "../http/iso-time.ts";
import type { ArtifactRecord } from "./artifact-store.ts";

/** An artifact as the API shows it. */
export function artifactView({ createdAtMs, expiresAtMs, ...record }: ArtifactRecord): Artifact {
  return {
    ...record,
    createdAt: isoTime(createdAtMs),
    expiresAt: expiresAtMs === undefined ? undefined : isoTime(expiresAtMs),
  };
}
