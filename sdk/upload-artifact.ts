import type { Artifact } from "../shared/artifact.ts";
import type { ComputeClient } from "./client.ts";
import { ClientFiles } from "./client-files.ts";
import { UnreachableError } from "./errors.ts";
import type { FileReader, FileToSend, TreeToSend } from "./files/tree-to-send.ts";
import { type UploadOptions, uploadTree } from "./files/upload-tree.ts";
import { callPatiently, Outage, type Patience } from "./patience.ts";

export interface UploadArtifactOptions extends UploadOptions, Patience {
  kind: "upload" | "input" | "output";
  /** Default: the file's or directory's own name. */
  name?: string;
  /** How long it is kept. Default: as long as the server keeps artifacts of this kind. */
  ttlSeconds?: number;
  /** Only for outputs: the attempt they come from. */
  executionId?: string;
}

export interface UploadedArtifact {
  artifact: Artifact;
  /** Bytes that the server did not have. */
  sentBytes: number;
}

/** Each round sends what the server lost in the meantime; that it loses something at all is rare. */
const MAX_ROUNDS = 5;

/** Sends what the server lacks of the files, and makes an artifact of them. Throws what `uploadTree` does. */
export async function uploadArtifact<File extends FileToSend>(
  client: ComputeClient,
  files: TreeToSend<File>,
  reader: FileReader<File>,
  options: UploadArtifactOptions,
): Promise<UploadedArtifact> {
  const { kind, name = files.name, ttlSeconds, executionId } = options;
  const server = new ClientFiles(client);
  const retrying = (signal: AbortSignal) => new Outage({ ...options, signal });
  let sentBytes = 0;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const { tree, sentBytes: sent } = await uploadTree(server, files, reader, retrying, options);
    sentBytes += sent;
    const wanted = { kind, name, type: files.type, tree, ttlSeconds, executionId };
    const { artifact } = await callPatiently(client, "artifacts.create", wanted, options);
    if (artifact) return { artifact, sentBytes };
  }
  throw new UnreachableError(client.url, "it keeps losing the files that are sent");
}
