import { type ArtifactRecord, packKey } from "../../server/artifact/artifact-store.ts";
import type { BlobStore } from "../../server/blob/blob-store.ts";
import type { Stores } from "../../server/compose/stores.ts";
import { PACK_HEADER_BYTES, packHeader } from "../../shared/files/pack.ts";
import { comparePaths } from "../../shared/files/path.ts";
import { sha256Of } from "../../shared/files/sha256.ts";
import { treeLine } from "../../shared/files/tree-line.ts";
import { newId } from "../../shared/ids.ts";
import { putArtifact } from "./put-artifact.ts";

export interface StoredFiles {
  artifact: ArtifactRecord;
  /** The key of the pack of each file; the tree's is under the empty name. */
  packs: Record<string, string>;
}

/** Stores an artifact with its content, as a server does. Every file is in a pack of its own. */
export async function storeFiles(
  { artifacts }: Pick<Stores, "artifacts">,
  blobs: BlobStore,
  businessId: string,
  files: Record<string, Uint8Array>,
): Promise<StoredFiles> {
  const paths = Object.keys(files).sort(comparePaths);
  const contents = paths.map((path) => files[path] ?? new Uint8Array());
  const lines = paths.map((path, i) => {
    const content = contents[i] ?? new Uint8Array();
    return treeLine({ type: "file", path, mode: 0o644, size: content.length, sha256: sha256Of(content) });
  });
  const tree = new TextEncoder().encode(lines.join(""));
  const packs: Record<string, string> = {};
  for (const [path, content] of [...Object.entries(files), ["", tree] as const]) {
    // An empty file needs no blob.
    if (content.length > 0) packs[path] = await storePack(artifacts, blobs, businessId, content);
  }
  const digest = sha256Of(tree);
  const artifact = await putArtifact(artifacts, businessId, {
    tree: { sha256: digest, size: tree.length, parts: [digest] },
    files: paths.length,
    bytes: contents.reduce((sum, content) => sum + content.length, 0),
  });
  return { artifact, packs };
}

async function storePack(
  artifacts: Stores["artifacts"],
  blobs: BlobStore,
  businessId: string,
  content: Uint8Array,
): Promise<string> {
  const packId = newId("pack");
  const [sha256, bytes] = [sha256Of(content), content.length];
  await artifacts.beginPack(businessId, packId, Date.now());
  const writer = await blobs.create(packKey(businessId, packId));
  await writer.write(packHeader(sha256, bytes));
  await writer.write(content);
  await writer.finish();
  await artifacts.finishPack(
    businessId,
    packId,
    [{ sha256, bytes, packId, offset: PACK_HEADER_BYTES }],
    Date.now(),
  );
  return packKey(businessId, packId);
}
