import { sha256Of, startSha256 } from "../../../shared/files/sha256.ts";
import { GARBAGE_OF_FILE_BYTES, leaveGarbage } from "../../../shared/garbage.ts";
import type { ComputeClient } from "../../client.ts";
import type { FileServer } from "../../files/file-server.ts";
import type { Hashing } from "../../files/hashing.ts";
import type { FileReader } from "../../files/tree-to-send.ts";
import { type UploadedTree, type UploadOptions, uploadTree } from "../../files/upload-tree.ts";
import { Outage, type Patience } from "../../patience.ts";
import { type UploadArtifactOptions, type UploadedArtifact, uploadArtifact } from "../../upload-artifact.ts";
import type { FoundFile, FoundTree } from "./find-files.ts";
import { FileReading } from "./read-file.ts";

/** Hashes without waiting, by the runtime's own code. */
const hashing: Hashing = { digest: sha256Of, start: startSha256 };

/** Reads files of this machine as they were found. */
class FoundFiles implements FileReader<FoundFile> {
  readonly hashing = hashing;

  /** @param ownerUid only files of this account are read. */
  constructor(private readonly ownerUid: number | undefined) {}

  open(file: FoundFile): FileReading {
    return new FileReading(file, this.ownerUid);
  }

  afterEntry(): void {
    leaveGarbage(GARBAGE_OF_FILE_BYTES);
  }
}

/**
 * Sends the files that were found, and then their tree; see `uploadTree`. Throws what `ComputeClient` throws once patience
 * has run out.
 */
export function sendFound(
  server: FileServer,
  found: FoundTree,
  options: UploadOptions & Patience & { ownerUid?: number } = {},
): Promise<UploadedTree> {
  const retrying = (signal: AbortSignal) => new Outage({ ...options, signal });
  return uploadTree(server, found, new FoundFiles(options.ownerUid), retrying, options);
}

/** Sends the files that were found, and makes an artifact of them; see `uploadArtifact`. */
export function sendFoundArtifact(
  client: ComputeClient,
  found: FoundTree,
  options: UploadArtifactOptions & { ownerUid?: number },
): Promise<UploadedArtifact> {
  return uploadArtifact(client, found, new FoundFiles(options.ownerUid), options);
}
