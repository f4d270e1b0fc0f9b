import type { Artifact } from "../../shared/artifact.ts";
import type { ComputeClient } from "../client.ts";
import { UnreachableError } from "../errors.ts";
import { callPatiently } from "../patience.ts";
import { ClientFiles } from "./client-files.ts";
import type { FoundTree } from "./find-files.ts";
import { type UploadOptions, uploadTree } from "./upload-tree.ts";

export interface UploadArtifactOptions extends UploadOptions {
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
export async function uploadArtifact(
  client: ComputeClient,
  found: FoundTree,
  options: UploadArtifactOptions,
): Promise<UploadedArtifact> {
  const { kind, name = found.name, ttlSeconds, executionId } = options;
  const server = new ClientFiles(client);
  let sentBytes = 0;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const { tree, sentBytes: sent } = await uploadTree(server, found, options);
    sentBytes += sent;
    const wanted = { kind, name, type: found.type, tree, ttlSeconds, executionId };
    const { artifact } = await callPatiently(client, "artifacts.create", wanted, options);
    if (artifact) return { artifact, sentBytes };
  }
  throw new UnreachableError(client.url, "it keeps losing the files that are sent");
}
