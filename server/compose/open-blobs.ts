import { join } from "node:path";
import { textOf } from "../../shared/text-of.ts";
import { type BlobStore, SWEEP_AFTER_MS } from "../blob/blob-store.ts";
import { DirectoryBlobs } from "../blob/directory-blobs.ts";
import type { ServerSettings } from "./options.ts";
import type { Stores } from "./stores.ts";

/** Files cannot be kept at the place of the settings; the message says why, and what to do. */
export class ArtifactsPlaceError extends Error {
  override name = "ArtifactsPlaceError";
}

/** The directory in the data directory that has the content of files. */
export function artifactsDir(dataDir: string): string {
  return join(dataDir, "artifacts");
}

/** The place for the content of files that the settings select. Throws ArtifactsPlaceError if it cannot be used. */
export async function openBlobs(
  settings: Pick<ServerSettings, "artifacts" | "store" | "dataDir">,
  stores: Pick<Stores, "gridFs">,
  warn: (message: string) => void = () => undefined,
): Promise<BlobStore> {
  const { artifacts, store, dataDir } = settings;
  if (artifacts.kind === "gridfs") {
    if (stores.gridFs) return stores.gridFs();
    throw new ArtifactsPlaceError(
      "gridfs needs a MongoDB store. Give --store mongodb://…, or --artifacts dir.",
    );
  }
  if (artifacts.kind === "s3") {
    const { S3Blobs } = await import("../blob/s3-blobs.ts");
    const blobs = new S3Blobs(artifacts, join(dataDir, "artifacts-on-their-way"));
    await blobs.prove().catch((cause) => {
      throw new ArtifactsPlaceError(textOf(cause), { cause });
    });
    return blobs;
  }
  if (store !== "sqlite") {
    warn(`files are kept in ${artifactsDir(dataDir)}, where other servers on this store cannot find them`);
  }
  const blobs = new DirectoryBlobs(artifactsDir(dataDir));
  // Only this server writes there, and it begins now. But an embedded store is locked, and another data directory may not be.
  await blobs.sweep(store === "sqlite" ? 0 : SWEEP_AFTER_MS);
  return blobs;
}
