import { join } from "node:path";
import { textOf } from "../../shared/text-of.ts";
import { type BlobStore, SWEEP_AFTER_MS } from "../blob/blob-store.ts";
import { DirectoryBlobs } from "../blob/directory-blobs.ts";
import { isOutOfReach, S3Blobs } from "../blob/s3-blobs.ts";
import type { ArtifactsPlace } from "./artifacts-place.ts";
import type { ServerSettings } from "./options.ts";
import type { Stores } from "./stores.ts";

/** Files cannot be kept at the place of the settings; the message says why, and what to do. */
export class ArtifactsPlaceError extends Error {
  override name = "ArtifactsPlaceError";

  constructor(
    message: string,
    /** Whether the place did not answer; another try may succeed. */
    readonly isOutOfReach = false,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Where the content of files is on this machine. */
export function artifactsDir(dataDir: string): string {
  return join(dataDir, "artifacts");
}

/**
 * The content of files at a place, without changing anything there.
 *
 * @param dataDir the data directory of the server. Throws ArtifactsPlaceError if the store does not have the place.
 */
export function blobsAt(
  place: ArtifactsPlace,
  dataDir: string,
  { gridFs }: Pick<Stores, "gridFs">,
): BlobStore {
  if (place.kind === "dir") return new DirectoryBlobs(artifactsDir(dataDir));
  if (place.kind === "s3") return new S3Blobs(place, join(dataDir, "artifacts-on-their-way"));
  if (gridFs) return gridFs();
  throw new ArtifactsPlaceError(
    "gridfs needs a MongoDB store. Give --store mongodb://…, or --artifacts dir.",
  );
}

/** The same for a server that starts: it can write there. Throws ArtifactsPlaceError if it cannot. */
export async function openBlobs(
  settings: Pick<ServerSettings, "artifacts" | "store" | "dataDir">,
  stores: Pick<Stores, "gridFs">,
  warn: (message: string) => void = () => undefined,
): Promise<BlobStore> {
  const { artifacts, store, dataDir } = settings;
  const blobs = blobsAt(artifacts, dataDir, stores);
  try {
    await blobs.prepare();
  } catch (cause) {
    throw new ArtifactsPlaceError(textOf(cause), isOutOfReach(cause), { cause });
  }
  if (artifacts.kind === "dir") {
    if (store !== "sqlite") warn(`files are kept in ${artifactsDir(dataDir)}; ${OTHERS_CANNOT}`);
    // With an embedded store, no other server writes there.
    await blobs.sweep(store === "sqlite" ? 0 : SWEEP_AFTER_MS);
  }
  return blobs;
}

const OTHERS_CANNOT = "other servers on this store cannot find them there";
