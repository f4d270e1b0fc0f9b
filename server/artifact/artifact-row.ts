import type { ArtifactKind } from "../../shared/artifact.ts";
import type { ArtifactRecord, ScannedArtifact } from "./artifact-store.ts";

/** A row of `compute_artifacts`. `live` is 0 for a draft, whose other fields mean nothing except the tree and the times. */
export interface ArtifactRow {
  artifact_id: string;
  business_id: string;
  user_id: string | null;
  kind: string;
  name: string;
  type: string;
  tree_sha256: string;
  tree: string;
  files: number;
  bytes: number;
  job_id: string | null;
  execution_id: string | null;
  attempt: number | null;
  created_at: number;
  expires_at: number | null;
}

export type ScannedRow = Pick<
  ArtifactRow,
  "artifact_id" | "business_id" | "kind" | "tree" | "job_id" | "expires_at"
> & {
  live: number;
  held_until: number | null;
};

export function artifactFrom(row: ArtifactRow): ArtifactRecord {
  return {
    artifactId: row.artifact_id,
    businessId: row.business_id,
    userId: row.user_id ?? undefined,
    kind: row.kind as ArtifactKind,
    name: row.name,
    type: row.type as ArtifactRecord["type"],
    tree: JSON.parse(row.tree),
    files: row.files,
    bytes: row.bytes,
    jobId: row.job_id ?? undefined,
    executionId: row.execution_id ?? undefined,
    attempt: row.attempt ?? undefined,
    createdAtMs: row.created_at,
    expiresAtMs: row.expires_at ?? undefined,
  };
}

export function rowOf(artifact: ArtifactRecord): ArtifactRow {
  return {
    artifact_id: artifact.artifactId,
    business_id: artifact.businessId,
    user_id: artifact.userId ?? null,
    kind: artifact.kind,
    name: artifact.name,
    type: artifact.type,
    tree_sha256: artifact.tree.sha256,
    tree: JSON.stringify(artifact.tree),
    files: artifact.files,
    bytes: artifact.bytes,
    job_id: artifact.jobId ?? null,
    execution_id: artifact.executionId ?? null,
    attempt: artifact.attempt ?? null,
    created_at: artifact.createdAtMs,
    expires_at: artifact.expiresAtMs ?? null,
  };
}

export function scannedFrom(row: ScannedRow): ScannedArtifact {
  return {
    artifactId: row.artifact_id,
    businessId: row.business_id,
    kind: row.kind as ArtifactKind,
    tree: JSON.parse(row.tree),
    jobId: row.job_id ?? undefined,
    expiresAtMs: row.expires_at ?? undefined,
    heldUntilMs: row.held_until ?? undefined,
    isDraft: row.live === 0,
  };
}
