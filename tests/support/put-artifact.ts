import type { ArtifactRecord, ArtifactStore } from "../../server/artifact/artifact-store.ts";
import { newId } from "../../shared/ids.ts";

/** Stores an artifact without content, for tests that only need it to exist. */
export async function putArtifact(
  artifacts: ArtifactStore,
  businessId: string,
  change: Partial<ArtifactRecord> = {},
): Promise<ArtifactRecord> {
  const digest = new Bun.CryptoHasher("sha256").update(crypto.randomUUID()).digest("hex");
  const artifact: ArtifactRecord = {
    artifactId: newId("art"),
    businessId,
    userId: undefined,
    kind: "input",
    name: "src",
    type: "directory",
    tree: { sha256: digest, size: 100, parts: [digest] },
    files: 1,
    bytes: 100,
    jobId: undefined,
    executionId: undefined,
    attempt: undefined,
    createdAtMs: Date.now(),
    expiresAtMs: undefined,
    ...change,
  };
  const { artifactId, tree } = artifact;
  await artifacts.begin({ artifactId, businessId, tree, expiresAtMs: Date.now() + 60_000 });
  if (!(await artifacts.insert(artifact))) throw new Error("the draft of an artifact is gone");
  return artifact;
}
